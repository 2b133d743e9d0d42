"""Files that users name: their text, and the errors for those that cannot be read."""

from ..errors import InvalidArtifact

__all__ = ["decode_text", "unreadable"]

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def decode_text(content: bytes, name: str) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 with its byte order mark.

    Raises:
        InvalidArtifact: it is neither; the message names the byte.
    """
    is_utf_16 = content.startswith(_UTF_16)
    try:
        return content.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        encoding = "UTF-16" if is_utf_16 else "UTF-8"
        where = f"byte 0x{content[error.start]:02x} at {error.start}"
        problem = f"{name} is not {encoding} text ({where})"
        raise InvalidArtifact(f"{problem}: convert it first.") from error


def unreadable(name: str, error: Exception, remedy: str) -> InvalidArtifact:
    """Return the error for a file that cannot be opened or read."""
    reason = getattr(error, "strerror", None) or error
    return InvalidArtifact(f"{name} cannot be read ({reason}): {remedy}.")
