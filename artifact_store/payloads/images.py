"""Images as URLs: the URL of an image, or a `data:` URI that holds the image itself.

The kind of an image is found from its content, not from its name. SVG is refused because it may hold scripts, so that
every image in a store can be shown anywhere.
"""

import contextlib
import math
import os
import re
import sys
from array import array
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Protocol, TypeGuard

from ..errors import InvalidArtifact
from ..jsonable.encoders import type_name
from ..tables.files import unreadable
from ..wording import with_article
from .image_files import DamagedImageError, kind_of

__all__ = ["MAX_IMAGE_BYTES", "check_size", "url_of"]

MAX_IMAGE_BYTES = 5 * 1024 * 1024
"""The size of the largest image that is kept in a store; in base64 it takes a third more."""

_LONGEST_DATA_URI = (MAX_IMAGE_BYTES + 2) // 3 * 4 + 100  # 100: for its media type

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|//")  # a scheme of one letter is a drive of Windows
_KINDS = "PNG, JPEG, GIF or WebP"
_FORMS = "pass a URL, the path of a file, its bytes, a matplotlib figure or a PIL image"


def url_of(image: object) -> str:
    r"""Return the URL of an image: its own, or a `data:` URI that holds the image.

    Args:
        image: a URL; or the path of a PNG, JPEG, GIF or WebP file, its bytes, an open binary file, a matplotlib
            figure (or anything else with `savefig`), axes, or a PIL image.

    Raises:
        InvalidArtifact: it is not an image, is cut off or damaged, cannot be read, or is larger than `MAX_IMAGE_BYTES`.

    Examples:
        >>> url_of("https://example.com/a.png")
        'https://example.com/a.png'
        >>> url_of(b"GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;")
        'data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs='
    """
    if isinstance(image, str) and _URL.match(image):
        return check_size(image)
    name = f"{image!r:.120}" if isinstance(image, str | os.PathLike) else f"the {type_name(image)}"
    content = content_of(image, name)
    if len(content) > MAX_IMAGE_BYTES:
        raise _too_large(name)
    kind = checked_kind(content, name)
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


def check_size(url: str) -> str:
    """Return a URL; a `data:` URI holds an image of at most `MAX_IMAGE_BYTES`.

    Raises:
        InvalidArtifact: it is a `data:` URI that holds more.
    """
    if url[:5].lower() == "data:" and len(url) > _LONGEST_DATA_URI:
        raise _too_large("the data: URI")
    return url


def checked_kind(content: bytes, name: str) -> str:
    """Return the kind of an image file, such as `png`.

    Raises:
        InvalidArtifact: it is damaged, or of another kind.
    """
    try:
        kind = kind_of(content)
    except DamagedImageError as error:
        problem = f"image: {name} is cut off or damaged ({error})"
        raise InvalidArtifact(f"{problem}: save it again.") from error
    if kind is not None:
        return kind
    if b"<svg" in content[:4096].lower():
        problem = f"image: {name} is an SVG, which may hold scripts"
        raise InvalidArtifact(f"{problem}: save it as PNG, or pass its URL.")
    remedy = f"use {_KINDS}, or pass a URL with its scheme, such as https:"
    raise InvalidArtifact(f"image: {name} is not an image: {remedy}.")


def _too_large(name: str) -> InvalidArtifact:
    most = f"{MAX_IMAGE_BYTES // 1024**2} MiB"
    problem = f"image: {name} is larger than the {most} that are kept in a store"
    return InvalidArtifact(f"{problem}: make it smaller, or pass its URL.")


# --- The bytes of an image ---


def content_of(image: object, name: str) -> bytes:
    """Return the bytes of an image; of a file at most one byte more than the limit.

    Raises:
        InvalidArtifact: it cannot be read or written.
    """
    if isinstance(image, bytes | bytearray | memoryview):
        return memoryview(image).tobytes()
    if isinstance(image, str | os.PathLike):
        return read_file(Path(image), name)
    read = reader_of(image)
    try:
        content = read()
    except InvalidArtifact:
        raise
    except Exception as error:  # from the library of the image
        problem = f"image: {name} cannot be written as PNG ({error})"
        raise InvalidArtifact(f"{problem}: save it to a file.") from error
    if not isinstance(content, bytes):
        raise InvalidArtifact(f"image: {name} gives text: open the file in binary mode.")
    return content


def read_file(path: Path, name: str) -> bytes:
    """Return the bytes of a file, at most one more than the limit."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_IMAGE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        remedy = "give the path of a file, or a URL with its scheme"
        raise unreadable(f"image: {name}", error, remedy) from error


def reader_of(image: object) -> Callable[[], object]:
    """Return the function that reads an open file, or that writes a figure or a PIL image to bytes."""
    savefig = getattr(image, "savefig", None)
    if savefig is not None:  # figures, and the grids of seaborn
        return partial(written, partial(savefig, format="png"))
    if is_axes(image):
        return partial(written, partial(write_axes, image))
    if is_pillow_image(image):
        return partial(written, partial(write_pillow_image, image))
    read = getattr(image, "read", None)
    if read is not None:
        return partial(read, MAX_IMAGE_BYTES + 1)
    raise InvalidArtifact(f"image is {with_article(type_name(image))}: {_FORMS}.")


def written(write: Callable[[BytesIO], object]) -> bytes:
    """Return what a function writes to a file."""
    buffer = BytesIO()
    write(buffer)
    return buffer.getvalue()


def loaded_class(module: str, name: str) -> type | tuple[()]:
    """Return a class of a library, or no class if the library is not loaded, since nothing is of that class then."""
    found: type | tuple[()] = getattr(sys.modules.get(module), name, ())
    return found


# --- matplotlib ---


class Figure(Protocol):
    """A `matplotlib.figure.Figure`."""

    def savefig(self, file: BytesIO, *, format: str) -> None:
        """Write the figure."""


class Axes(Protocol):
    """A `matplotlib.axes.Axes`."""

    figure: Figure


def is_axes(image: object) -> TypeGuard[Axes]:
    """Tell whether an image is axes of matplotlib."""
    return isinstance(image, loaded_class("matplotlib.axes", "Axes"))


def write_axes(axes: Axes, file: BytesIO) -> None:
    """Write the figure that axes belong to."""
    axes.figure.savefig(file, format="png")


# --- PIL ---

_ORIENTATION = 0x0112  # of EXIF: how a picture is to be rotated
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
_AS_MODE = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA", "I;16L": "I", "I;16B": "I", "I;16N": "I"}


class PillowImage(Protocol):
    """A `PIL.Image.Image`."""

    format: str | None
    mode: str

    def convert(self, mode: str) -> "PillowImage":
        """Return the image in another mode."""
        ...

    def getexif(self) -> Mapping[int, int]:
        """Return the EXIF data."""
        ...

    def getextrema(self) -> tuple[float, float]:
        """Return the least and the greatest number of an image with one band."""
        ...

    def point(self, change: Callable[[float], float]) -> "PillowImage":
        """Return the image with its numbers changed."""
        ...

    def save(self, file: BytesIO, format: str, **options: object) -> None:
        """Write the image."""

    def tobytes(self) -> bytes:
        """Return the numbers of the image."""
        ...


def is_pillow_image(image: object) -> TypeGuard[PillowImage]:
    """Tell whether an image is one of PIL."""
    return isinstance(image, loaded_class("PIL.Image", "Image"))


def write_pillow_image(image: PillowImage, file: BytesIO) -> None:
    """Write a PIL image: a photo as JPEG, since as PNG it would be many times larger, anything else as PNG."""
    if image.format in ("JPEG", "MPO"):
        write_photo(image, file)
        return
    if orientation_of(image) != 1:
        image = import_module("PIL.ImageOps").exif_transpose(image)
    in_png_mode(image).save(file, "PNG")


def write_photo(image: PillowImage, file: BytesIO) -> None:
    """Write an image as JPEG, with its orientation and without other EXIF data, which may tell where it was taken."""
    options: dict[str, object] = {"quality": "keep" if image.format == "JPEG" else 95}
    orientation = orientation_of(image)
    if orientation != 1:
        exif = import_module("PIL.Image").Exif()
        exif[_ORIENTATION] = orientation
        options["exif"] = exif
    image.save(file, "JPEG", **options)


def orientation_of(image: PillowImage) -> int:
    """Return how an image is to be rotated; 1 means not at all."""
    with contextlib.suppress(Exception):  # EXIF that cannot be read tells nothing
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


def in_png_mode(image: PillowImage) -> PillowImage:
    """Return an image in a mode that PNG has, without a loss of range or transparency.

    Raises:
        InvalidArtifact: its numbers are beyond what an image can show.
    """
    if image.mode in _PNG_MODES:
        return image
    if image.mode in _AS_MODE:
        image = image.convert(_AS_MODE[image.mode])
    if image.mode == "F":
        return from_floats(image)
    if image.mode == "I":
        return from_integers(image)
    return image if image.mode in _PNG_MODES else image.convert("RGB")


def from_integers(image: PillowImage) -> PillowImage:
    """Return an image of integers as shades of grey: 256 of them, or 65,536 where a number is greater."""
    least, greatest = image.getextrema()
    if least < 0 or greatest > 0xFFFF:
        raise _out_of_range(image, least, greatest, "0 to 255, or 0 to 65535")
    return image.convert("L" if greatest <= 0xFF else "I;16")


def from_floats(image: PillowImage) -> PillowImage:
    """Return an image of floats as shades of grey: from 0 to 1 where none is greater, and from 0 to 255."""
    least, greatest = image.getextrema()
    # The extremes may pass over NaN, a sum does not.
    if math.isnan(sum(array("f", image.tobytes()))):
        problem = "image: the PIL image of mode F holds NaN"
        raise InvalidArtifact(f"{problem}: give these pixels a number.")
    if not 0 <= least <= greatest <= 255:
        raise _out_of_range(image, least, greatest, "0 to 1, or 0 to 255")
    scale = 255 if greatest <= 1 else 1
    return image.point(lambda value: value * scale + 0.5).convert("L")


def _out_of_range(
    image: PillowImage, least: float, greatest: float, wanted: str
) -> InvalidArtifact:
    numbers = f"holds numbers from {least:g} to {greatest:g}"
    problem = f"image: the PIL image of mode {image.mode} {numbers}"
    return InvalidArtifact(f"{problem}: scale them to {wanted}.")
