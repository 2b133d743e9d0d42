"""How messages show a value that a caller handed over, whatever it is."""

import reprlib

__all__ = ["shown"]

_LONGEST = 80

_REPR = reprlib.Repr()
_REPR.maxlevel = 4
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = _LONGEST


def shown(value: object) -> str:
    """Return the `repr` of a value, cut to 80 characters, and never raise.

    The `repr` of an integer of 5,000 digits raises ValueError, that of a list nested 10,000 deep RecursionError, and
    that of an object whatever its author liked.

    Examples:
        >>> shown("sales"), shown(10**5000)
        ("'sales'", '<int>')
    """
    try:
        text = repr(value) if type(value) is str and len(value) <= _LONGEST else _REPR.repr(value)
    except Exception:
        return f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
