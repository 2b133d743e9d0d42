"""What a key may be, and the key that any text becomes."""

import re
from typing import TypeGuard

from ..errors import InvalidArtifact
from ..wording import with_article

__all__ = ["KEY", "as_key", "is_key"]

_LONGEST = 255
KEY = re.compile(rf"[A-Za-z0-9](?:[A-Za-z0-9._/-]{{0,{_LONGEST - 2}}}[A-Za-z0-9])?")
"""The pattern of a key."""

_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9._/-]+")
_NOT_AT_THE_ENDS = "._/-"
_DIGITS = 8  # of the hash of a text that its key cannot show in full


def is_key(text: object) -> TypeGuard[str]:
    """Tell whether an artifact could have this key.

    Examples:
        >>> is_key("sales/2026-11"), is_key("sales@3"), is_key("")
        (True, False, False)
    """
    return isinstance(text, str) and KEY.fullmatch(text) is not None


def as_key(text: str) -> str:
    """Return the key that a text becomes, for names that people give: of runs, files, customers.

    A key stays as it is. Accents are left out, and what else a key cannot hold becomes `-`. Where that loses letters
    or digits, or the text is longer than a key, a few digits of its hash end the key, so that two names do not become
    one. The same text always becomes the same key.

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
        raise InvalidArtifact(
            f"as_key takes text, not {with_article(type(text).__name__)}: pass a str."
        )
    if is_key(text):
        return text
    import hashlib  # not before they are needed: a store loads this module
    import unicodedata

    plain = "".join(
        each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each)
    )
    key = _NOT_IN_A_KEY.sub("-", plain).strip(_NOT_AT_THE_ENDS)
    if (
        key
        and len(key) <= _LONGEST
        and not any(each.isalnum() for each in plain if not each.isascii())
    ):
        return key
    digits = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    room = _LONGEST - _DIGITS - 1
    return f"{key[:room].rstrip(_NOT_AT_THE_ENDS)}-{digits}" if key else digits
