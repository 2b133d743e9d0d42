"""Tells the kind of an image file by its content, and whether all of the file is there.

The structure of the file is walked as its format says, without a library: each piece has its length, and the last one
ends the file. What is inside of the pieces is not decoded.
"""

import re
import zlib
from collections.abc import Callable

__all__ = ["DamagedImageError", "kind_of"]

_PNG = b"\x89PNG\r\n\x1a\n"
_SIZED = frozenset(
    {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
)  # the markers of JPEG that begin a frame
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # the markers that have no length
_MARKER = re.compile(rb"\xff+([\x01-\xfe])")
_SCAN_END = re.compile(
    rb"\xff+[\x01-\xcf\xd8-\xfe]"
)  # in a scan, FF 00 is a byte and FF D0 to D7 are its parts


class DamagedImageError(Exception):
    """What is wrong with the content of an image file."""


def kind_of(content: bytes) -> str | None:
    """Return `png`, `jpeg`, `gif` or `webp`, `None` for content that begins like none of them.

    Bytes behind the end of an image are let be, as every program does that shows one.

    Raises:
        DamagedImageError: it begins like one of them, and is cut off or damaged.

    Examples:
        >>> kind_of(b"%PDF-1.7")
        >>> kind_of(b"GIF89a")
        Traceback (most recent call last):
        ...
        artifact_store.payloads.image_files.DamagedImageError: it ends at byte 6
    """
    for starts, (kind, check) in _KINDS.items():
        if content.startswith(starts):
            check(content)
            return kind
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        _check_webp(content)
        return "webp"
    return None


def _part(content: bytes, start: int, length: int) -> bytes:
    """Return so many bytes of a file, which must be there."""
    part = content[start : start + length]
    if len(part) < length:
        raise DamagedImageError(f"it ends at byte {len(content):,}")
    return part


def _check_png(content: bytes) -> None:
    place = len(_PNG)
    kind = b""
    seen = set[bytes]()
    while kind != b"IEND":
        length = int.from_bytes(_part(content, place, 4))
        piece = _part(content, place + 4, 4 + length)
        kind = piece[:4]
        if not seen and kind != b"IHDR":
            raise DamagedImageError("its first chunk is not its header")
        # The small letter says that an image can be shown without the chunk.
        if kind[0] < 0x60 and zlib.crc32(piece) != int.from_bytes(
            _part(content, place + 8 + length, 4)
        ):
            raise DamagedImageError(f"the checksum of its chunk at byte {place:,} is wrong")
        if kind == b"IHDR" and not (length == 13 and any(piece[4:8]) and any(piece[8:12])):
            raise DamagedImageError("its header has no size")
        seen.add(kind)
        place += 12 + length
    if b"IDAT" not in seen:
        raise DamagedImageError("it holds no pixels")


def _check_jpeg(content: bytes) -> None:
    place = 2
    has_frame = has_scan = False
    while True:
        found = _MARKER.search(content, place)
        if found is None:
            raise DamagedImageError(f"it ends at byte {len(content):,}")
        marker = found[1][0]
        place = found.end()
        if marker == 0xD9:
            break
        if marker in _ALONE:
            continue
        length = int.from_bytes(_part(content, place, 2))
        _part(content, place, length)
        place += length
        has_frame = has_frame or marker in _SIZED
        if marker == 0xDA:  # what follows are the pixels, up to the next marker
            has_scan = True
            end = _SCAN_END.search(content, place)
            place = len(content) if end is None else end.start()
    if not (has_frame and has_scan):
        raise DamagedImageError("it holds no pixels")


def _check_gif(content: bytes) -> None:
    screen = _part(content, 6, 7)
    place = 13 + _palette(screen[4])
    has_image = False
    while True:
        block = _part(content, place, 1)
        place += 1
        if block == b";":
            break
        if block == b",":
            described = _part(content, place, 9)
            place += 9 + _palette(described[8]) + 1  # 1: the size of the codes
            has_image = True
        elif block == b"!":
            place += 1
        else:
            raise DamagedImageError(f"byte {place - 1:,} begins no block")
        while size := _part(content, place, 1)[0]:
            _part(content, place + 1, size)
            place += 1 + size
        place += 1
    if not has_image:
        raise DamagedImageError("it holds no pixels")


def _palette(flags: int) -> int:
    """Return how many bytes of colours follow."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _check_webp(content: bytes) -> None:
    size = int.from_bytes(content[4:8], "little")
    _part(content, 8, size)
    place = 12
    has_image = False
    while place < 8 + size:
        kind = _part(content, place, 4)
        length = int.from_bytes(_part(content, place + 4, 4), "little")
        _part(content, place + 8, length)
        has_image = has_image or kind in (b"VP8 ", b"VP8L", b"ANMF")
        place += 8 + length + length % 2
    if not has_image:
        raise DamagedImageError("it holds no pixels")


_KINDS: dict[bytes, tuple[str, Callable[[bytes], None]]] = {
    _PNG: ("png", _check_png),
    b"\xff\xd8\xff": ("jpeg", _check_jpeg),
    b"GIF87a": ("gif", _check_gif),
    b"GIF89a": ("gif", _check_gif),
}
