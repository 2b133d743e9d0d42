"""The pattern of keys, the key that any text becomes, and the numbers that versions can be."""

import re
from typing import TypeGuard

from ..errors import InvalidArtifact
from ..jsonable.encoders import MAX_INT64
from ..wording import with_article

__all__ = ["KEY", "as_key", "is_key", "is_version"]

_LONGEST = 255
KEY = re.compile(rf"[A-Za-z0-9](?:[A-Za-z0-9._/-]{{0,{_LONGEST - 2}}}[A-Za-z0-9])?")
"""The pattern of a key."""

_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9._/-]+")
_NOT_AT_THE_ENDS = "._/-"
_DIGITS = 8  # of the hash of a text that its key cannot show in full


def is_key(text: object) -> TypeGuard[str]:
    """Tell whether an artifact can have this key.

    Examples:
        >>> is_key("sales/2026-11"), is_key("sales@3"), is_key("")
        (True, False, False)
    """
    return isinstance(text, str) and KEY.fullmatch(text) is not None


def is_version(value: object) -> TypeGuard[int]:
    """Tell whether a version of a key can have this number.

    Examples:
        >>> is_version(3), is_version(0), is_version(True), is_version(2**63)
        (True, False, False, False)
    """
    return type(value) is int and 1 <= value <= MAX_INT64


def as_key(text: str) -> str:
    """Return the key that a text becomes, for names that people give: of runs, files, customers.

    A key stays as it is. Accents are left out, and other characters that a key cannot hold become `-`. When letters or
    digits are lost in this way, or the text is longer than a key, the key ends with eight digits of the hash of the
    text, so that different texts become different keys. The same text always becomes the same key.

    Args:
        text: any text.

    Returns:
        A key of 1 to 255 characters.

    Raises:
        InvalidArtifact: it is not text.

    Examples:
        >>> as_key("sales/2026-11"), as_key("rep/ Café (north)"), as_key("日本 2026"), as_key("")
        ('sales/2026-11', 'rep/-Cafe-north', '2026-a6922cfc', 'e3b0c442')
    """
    if not isinstance(text, str):
        kind = with_article(type(text).__name__)
        raise InvalidArtifact(f"as_key takes text, not {kind}: pass a str.")
    if is_key(text):
        return text

    # A store loads this module, and rarely needs these.
    import hashlib
    import unicodedata

    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    key = _NOT_IN_A_KEY.sub("-", plain).strip(_NOT_AT_THE_ENDS)
    loses_letters = any(char.isalnum() for char in plain if not char.isascii())
    if key and len(key) <= _LONGEST and not loses_letters:
        return key

    digits = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    room = _LONGEST - _DIGITS - 1
    start = key[:room].rstrip(_NOT_AT_THE_ENDS)
    return f"{start}-{digits}" if start else digits
