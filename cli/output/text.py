"""Text for a terminal: control characters are escaped, so that stored or typed text never controls it."""

import json
import sys

__all__ = ["is_terminal", "json_text", "print_line", "safe"]


def safe(text: str, keep: str = "") -> str:
    r"""Show control, escape and direction characters instead of sending them.

    Args:
        text: text from the store or from the user.
        keep: characters that are left as they are, such as a line end.

    Examples:
        >>> print(safe("a\x1b[31mred\n\u202egnp.exe"))
        a\x1b[31mred\n\u202egnp.exe
    """
    # Imported here, so that help and wrong usage are quick.
    from artifact_store.rendering import escape_controls

    return escape_controls(text, keep)


def json_text(value: object, indent: int | None = 2) -> str:
    r"""Return JSON that is safe on a terminal: what `safe` shows is a JSON escape here, so the value is the same.

    Examples:
        >>> print(json_text({"name": "caf\u00e9 \u202e"}, indent=None))
        {"name": "café \u202e"}
    """
    from artifact_store.rendering import escape_controls

    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    is_utf8 = encoding.lower().replace("-", "") == "utf8"
    text = json.dumps(value, ensure_ascii=not is_utf8, indent=indent)
    return escape_controls(text, "\n", as_json=True)


def is_terminal() -> bool:
    """Tell whether standard output is a terminal."""
    return sys.stdout.isatty()


def print_line(line: str) -> None:
    """Print a line and flush it, so that a pipe gets it at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
