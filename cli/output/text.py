"""Text for a terminal: control characters are shown, so that stored or typed text never controls the terminal."""

import json
import sys
from typing import Any

__all__ = ["is_terminal", "json_text", "safe"]


def safe(text: str, keep: str = "") -> str:
    r"""Show control, escape and direction characters instead of sending them.

    Args:
        text: what comes from the store or from the user.
        keep: characters that may pass, such as a line end.

    Examples:
        >>> print(safe("a\x1b[31mred\n\u202egnp.exe"))
        a\x1b[31mred\n\u202egnp.exe
    """
    from artifact_store.rendering import (
        escape_controls,
    )  # late, so that help and wrong use are quick

    return escape_controls(text, keep)


def json_text(value: Any, indent: int | None = 2) -> str:
    r"""Return JSON that is safe on a terminal: what `safe` shows is a JSON escape here, so the value is the same.

    Examples:
        >>> print(json_text({"name": "caf\u00e9 \u202e"}, indent=None))
        {"name": "café \u202e"}
    """
    from artifact_store.rendering import escape_controls

    unicode = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not unicode, indent=indent)
    return escape_controls(text, "\n", as_json=True)


def is_terminal() -> bool:
    """Tell whether a person looks at standard output."""
    return sys.stdout.isatty()
