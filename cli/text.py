"""How text reaches the screen: nothing that was stored, or typed, is ever obeyed by a terminal."""

import json
import re
import sys
from typing import Any

__all__ = ["is_terminal", "json_text", "safe"]

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # direction, invisible, line ends
    "\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"  # surrogates, annotations, tags
)
_LETTERS = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def safe(text: str, keep: str = "") -> str:
    r"""Show control, escape and direction characters instead of sending them.

    Args:
        text: what comes from the store or from the user.
        keep: characters that may pass, such as a line end.

    Examples:
        >>> print(safe("a\x1b[31mred\n\u202egnp.exe"))
        a\x1b[31mred\n\u202egnp.exe
    """
    return _UNSAFE.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return _LETTERS.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_text(value: Any, indent: int | None = 2) -> str:
    r"""Return JSON that is safe on a terminal: what `safe` shows is a JSON escape here, so the value is the same.

    Examples:
        >>> print(json_text({"name": "caf\u00e9 \u202e"}, indent=None))
        {"name": "café \u202e"}
    """
    unicode = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not unicode, indent=indent)
    return _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1], text)


def is_terminal() -> bool:
    """Tell whether a person looks at standard output."""
    return sys.stdout.isatty()
