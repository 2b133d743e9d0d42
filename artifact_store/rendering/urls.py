"""Which stored URLs pages may link to, and which images they may show."""

import re
from urllib.parse import quote

__all__ = ["image_source", "safe_url"]

_IGNORED = re.compile(
    "[\x00-\x20\x7f-\xa0\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SCHEME = re.compile("([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_SCHEMES = {"http", "https", "mailto"}
_DATA_IMAGE = re.compile(
    "data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}", re.IGNORECASE
)


def safe_url(url: str) -> str | None:
    r"""Return an address that may be followed, `None` when it may not.

    Safe are `http:`, `https:` and `mailto:`, relative addresses and fragments. Control characters, which browsers
    ignore in an address, are removed; blanks become `%20`.

    Examples:
        >>> safe_url("https://example.org/a"), safe_url("page.html#top"), safe_url("java\nscript:alert(1)")
        ('https://example.org/a', 'page.html#top', None)
    """
    # What browsers may ignore is removed before the scheme is looked at.
    plain = _IGNORED.sub("", url)
    without_controls = _CONTROL.sub("", url).strip()
    quoted = _IGNORED.sub(lambda found: quote(found[0]), without_controls)
    scheme = _SCHEME.match(plain)
    if scheme is not None:
        return quoted if scheme[1].lower() in _SCHEMES else None

    # `//host` and `\\host` lead to another machine: on Windows, from a file, by a network share.
    if plain.startswith(("//", "\\", "/\\")):
        return None
    first_part = re.split("[/?#]", plain, maxsplit=1)[0]
    if ":" in first_part:
        return None
    return quoted or None


def image_source(source: str, *, external: bool) -> str | None:
    """Return the address of an image that may be shown, `None` when it may not.

    Args:
        source: an address, which may contain the image (`data:image/png;base64,…`): PNG, JPEG, GIF or WebP,
            never SVG, which can run scripts.
        external: whether images of `https:` addresses may be shown too.

    Examples:
        >>> image_source("data:image/png;base64,iVBORw0=", external=False)
        'data:image/png;base64,iVBORw0='
        >>> image_source("data:image/svg+xml;base64,PHN2Zz4=", external=True)
    """
    plain = source.strip()
    if _DATA_IMAGE.fullmatch(plain):
        return plain
    return safe_url(plain) if external and plain[:8].lower() == "https://" else None
