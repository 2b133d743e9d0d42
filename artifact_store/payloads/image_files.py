"""The kind of an image file, found from its content, and whether the file is complete.

The structure of the file is followed as its format defines it, without a library: each piece has its length, and the
last one ends the file. The pixels are not decoded.
"""

import re
import zlib
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["DamagedImageError", "kind_of"]

_PNG = b"\x89PNG\r\n\x1a\n"

# JPEG: the markers that begin a frame, those that have no length, and those that end the pixels of a scan.
# In a scan, FF 00 is a byte of pixels, and FF D0 to FF D7 are its parts.
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_SCAN = 0xDA
_END = 0xD9
_MARKER = re.compile(rb"\xff+([\x01-\xfe])")
_SCAN_END = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")


class DamagedImageError(Exception):
    """What is wrong with the content of an image file."""


def kind_of(content: bytes) -> str | None:
    """Return `png`, `jpeg`, `gif` or `webp`, and None for content that begins like none of them.

    Bytes after the end of an image are ignored, as every viewer does.

    Raises:
        DamagedImageError: it begins like one of them, and is cut off or damaged.

    Examples:
        >>> kind_of(b"%PDF-1.7")
        >>> kind_of(b"GIF89a")
        Traceback (most recent call last):
        ...
        artifact_store.payloads.image_files.DamagedImageError: it ends at byte 6
    """
    for image_format in FORMATS:
        if image_format.start.match(content):
            image_format.check(content)
            return image_format.name
    return None


def read(content: bytes, start: int, length: int) -> bytes:
    """Return a piece of a file, all of which must be there."""
    piece = content[start : start + length]
    if len(piece) < length:
        raise DamagedImageError(f"it ends at byte {len(content):,}")
    return piece


def check_png(content: bytes) -> None:
    """Follow the chunks: length, type, content and checksum of each."""
    position = len(_PNG)
    chunk_type = b""
    seen: set[bytes] = set()
    while chunk_type != b"IEND":
        length = int.from_bytes(read(content, position, 4))
        chunk = read(content, position + 4, 4 + length)
        chunk_type = chunk[:4]
        if not seen and chunk_type != b"IHDR":
            raise DamagedImageError("its first chunk is not its header")

        # The type begins with a small letter when an image can be shown without the chunk.
        is_required = chunk_type[0] < 0x60
        if is_required:
            checksum = int.from_bytes(read(content, position + 8 + length, 4))
            if zlib.crc32(chunk) != checksum:
                raise DamagedImageError(f"the checksum of its chunk at byte {position:,} is wrong")
        if chunk_type == b"IHDR":
            has_size = length == 13 and any(chunk[4:8]) and any(chunk[8:12])
            if not has_size:
                raise DamagedImageError("its header has no size")
        seen.add(chunk_type)
        position += 12 + length
    if b"IDAT" not in seen:
        raise DamagedImageError("it holds no pixels")


def check_jpeg(content: bytes) -> None:
    """Follow the segments: marker and length of each, and the pixels after the header of a scan."""
    position = 2
    has_frame = False
    has_scan = False
    while True:
        match = _MARKER.search(content, position)
        if match is None:
            raise DamagedImageError(f"it ends at byte {len(content):,}")
        marker = match[1][0]
        position = match.end()
        if marker == _END:
            break
        if marker in _WITHOUT_LENGTH:
            continue

        length = int.from_bytes(read(content, position, 2))
        read(content, position, length)
        position += length
        if marker in _FRAMES:
            has_frame = True
        if marker == _SCAN:
            has_scan = True
            scan_end = _SCAN_END.search(content, position)
            position = len(content) if scan_end is None else scan_end.start()
    if not (has_frame and has_scan):
        raise DamagedImageError("it holds no pixels")


def check_gif(content: bytes) -> None:
    """Follow the blocks: images and extensions, each with its sub-blocks."""
    screen = read(content, 6, 7)
    position = 13 + palette_size(screen[4])
    has_image = False
    while True:
        block = read(content, position, 1)
        position += 1
        if block == b";":
            break
        if block == b",":
            descriptor = read(content, position, 9)
            position += 9 + palette_size(descriptor[8]) + 1  # 1: the size of the codes
            has_image = True
        elif block == b"!":
            position += 1
        else:
            raise DamagedImageError(f"byte {position - 1:,} begins no block")
        position = skip_sub_blocks(content, position)
    if not has_image:
        raise DamagedImageError("it holds no pixels")


def palette_size(flags: int) -> int:
    """Return how many bytes of colours follow in a GIF."""
    if not flags & 0x80:
        return 0
    colours: int = 2 ** ((flags & 7) + 1)
    return 3 * colours


def skip_sub_blocks(content: bytes, position: int) -> int:
    """Return the position after the sub-blocks of a GIF, of which the last one is empty."""
    while True:
        size = read(content, position, 1)[0]
        read(content, position + 1, size)
        position += 1 + size
        if size == 0:
            return position


def check_webp(content: bytes) -> None:
    """Follow the chunks: type, length and content of each."""
    size = int.from_bytes(content[4:8], "little")
    read(content, 8, size)
    position = 12
    has_image = False
    while position < 8 + size:
        chunk_type = read(content, position, 4)
        length = int.from_bytes(read(content, position + 4, 4), "little")
        read(content, position + 8, length)
        if chunk_type in (b"VP8 ", b"VP8L", b"ANMF"):
            has_image = True
        position += 8 + length + length % 2
    if not has_image:
        raise DamagedImageError("it holds no pixels")


class ImageFormat(NamedTuple):
    """How the files of a format begin, and the function that follows their structure."""

    name: str
    start: re.Pattern[bytes]
    check: Callable[[bytes], None]


FORMATS = (
    ImageFormat("png", re.compile(re.escape(_PNG)), check_png),
    ImageFormat("jpeg", re.compile(rb"\xff\xd8\xff"), check_jpeg),
    ImageFormat("gif", re.compile(rb"GIF8[79]a"), check_gif),
    ImageFormat("webp", re.compile(rb"RIFF.{4}WEBP", re.DOTALL), check_webp),
)
