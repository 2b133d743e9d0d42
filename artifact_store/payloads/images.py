"""Makes of what people call an image its URL, or a `data:` URI that holds the image itself.

The kind of an image is told by its first bytes, whatever its name says. What may hold scripts (SVG) is refused,
so that an image which is kept in a store can be shown anywhere.
"""

import contextlib
import math
import os
import re
import sys
from array import array
from base64 import b64encode
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from ..errors import InvalidArtifact
from ..jsonable.encoders import type_name
from ..wording import with_article
from .image_files import DamagedImageError, kind_of

__all__ = ["MAX_IMAGE_BYTES", "bounded", "url_of"]

MAX_IMAGE_BYTES = 5 * 1024 * 1024
"""How large an image may be that is kept in a store; in base64 it takes a third more."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:|//")  # a scheme of one letter is a drive of Windows
_KINDS = "PNG, JPEG, GIF or WebP"
_WANTED = "pass a URL, the path of a file, its bytes, a matplotlib figure or a PIL image"


def url_of(image: Any) -> str:
    r"""Return the URL under which an image is shown: its own, or a `data:` URI of what is handed over.

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
        return bounded(image)
    name = f"{image!r:.120}" if isinstance(image, str | os.PathLike) else f"the {type_name(image)}"
    content = _content(image, name)
    if len(content) > MAX_IMAGE_BYTES:
        raise _too_large(name)
    return f"data:image/{_kind(content, name)};base64,{b64encode(content).decode()}"


def bounded(url: str) -> str:
    """Return a URL; one that holds an image itself is under the limit of those that are kept.

    Raises:
        InvalidArtifact: it is a `data:` URI that holds more.
    """
    if (
        url[:5].lower() == "data:" and len(url) > (MAX_IMAGE_BYTES + 2) // 3 * 4 + 100
    ):  # 100: for its media type
        raise _too_large("the data: URI")
    return url


def _too_large(name: str) -> InvalidArtifact:
    most = f"{MAX_IMAGE_BYTES // 1024**2} MiB"
    return InvalidArtifact(
        f"image: {name} is larger than the {most} that are kept in a store: make it smaller, or pass its URL."
    )


def _kind(content: bytes, name: str) -> str:
    try:
        kind = kind_of(content)
    except DamagedImageError as error:
        raise InvalidArtifact(
            f"image: {name} is cut off or damaged ({error}): save it again."
        ) from error
    if kind is not None:
        return kind
    if b"<svg" in content[:4096].lower():
        raise InvalidArtifact(
            f"image: {name} is an SVG, which may hold scripts: save it as PNG, or pass its URL."
        )
    raise InvalidArtifact(
        f"image: {name} is not an image: use {_KINDS}, or pass a URL with its scheme, such as https:."
    )


def _content(image: Any, name: str) -> bytes:
    """Return the bytes of an image; of a file, no more than one that is too large is known by."""
    if isinstance(image, bytes | bytearray | memoryview):
        return memoryview(image).tobytes()
    if isinstance(image, str | os.PathLike):
        return _file(Path(image), name)
    write = _writer(image)
    try:
        if write is None:
            content = image.read(MAX_IMAGE_BYTES + 1)
        else:
            buffer = BytesIO()
            write(buffer)
            content = buffer.getvalue()
    except InvalidArtifact:
        raise
    except Exception as error:  # the image's own code
        raise InvalidArtifact(
            f"image: {name} cannot be written as PNG ({error}): save it to a file."
        ) from error
    if not isinstance(content, bytes):
        raise InvalidArtifact(f"image: {name} gives text: open the file in binary mode.")
    return content


def _file(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_IMAGE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise InvalidArtifact(
            f"image: {name} cannot be read ({reason}): give the path of a file, or a URL with its scheme."
        ) from error


def _writer(image: Any) -> Callable[[BytesIO], Any] | None:
    """Return what writes an image into a file, `None` for what is such a file itself."""
    if hasattr(image, "savefig"):  # figures, and the grids of seaborn
        return lambda file: image.savefig(file, format="png")
    if isinstance(image, _known("matplotlib.axes", "Axes")):
        return lambda file: image.figure.savefig(file, format="png")
    if isinstance(image, _known("PIL.Image", "Image")):
        return lambda file: _write_pil(image, file)
    if hasattr(image, "read"):
        return None
    raise InvalidArtifact(f"image is {with_article(type_name(image))}: {_WANTED}.")


def _known(module: str, name: str) -> Any:
    """Return a class of a library, or none at all: before the library is imported nothing can be of its class."""
    return getattr(sys.modules.get(module), name, ())


# --- PIL images ---

_ORIENTATION = 0x0112  # of EXIF: how a picture is to be turned
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
_AS_MODE = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA", "I;16L": "I", "I;16B": "I", "I;16N": "I"}


def _write_pil(image: Any, file: BytesIO) -> None:
    """Write a PIL image: a photo as JPEG, since as PNG it would be many times as large, anything else as PNG."""
    turned = _orientation(image)
    if image.format in ("JPEG", "MPO"):
        quality: Any = "keep" if image.format == "JPEG" else 95
        exif = sys.modules["PIL.Image"].Exif()
        exif[_ORIENTATION] = (
            turned  # and nothing else of it: the rest tells where a photo was taken
        )
        image.save(file, "JPEG", quality=quality, **({"exif": exif} if turned != 1 else {}))
        return
    if turned != 1:
        image = import_module("PIL.ImageOps").exif_transpose(image)
    _as_png_shows_it(image).save(file, "PNG")


def _orientation(image: Any) -> int:
    with contextlib.suppress(Exception):  # EXIF that cannot be read says nothing
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


def _as_png_shows_it(image: Any) -> Any:
    """Return an image in a mode that PNG has, without a loss of range or transparency.

    Raises:
        InvalidArtifact: its numbers are beyond what an image can show.
    """
    if image.mode in _PNG_MODES:
        return image
    if image.mode in _AS_MODE:
        image = image.convert(_AS_MODE[image.mode])
    if image.mode == "F":
        return _from_fractions(image)
    if image.mode == "I":
        least, greatest = image.getextrema()
        if least < 0 or greatest > 0xFFFF:
            raise _beyond(image, least, greatest, "0 to 255, or 0 to 65535")
        return image.convert("L" if greatest <= 0xFF else "I;16")
    return image if image.mode in _PNG_MODES else image.convert("RGB")


def _from_fractions(image: Any) -> Any:
    """Return an image of floats as shades of grey: of 0 to 1 where none is greater, and of 0 to 255."""
    least, greatest = image.getextrema()
    has_nan = math.isnan(sum(array("f", image.tobytes())))  # which the extremes may pass over
    if has_nan:
        raise InvalidArtifact(
            "image: the PIL image of mode F holds NaN: give these pixels a number."
        )
    if not 0 <= least <= greatest <= 255:
        raise _beyond(image, least, greatest, "0 to 1, or 0 to 255")
    scale = 255 if greatest <= 1 else 1
    return image.point(lambda value: value * scale + 0.5).convert("L")


def _beyond(image: Any, least: float, greatest: float, wanted: str) -> InvalidArtifact:
    numbers = f"holds numbers from {least:g} to {greatest:g}"
    return InvalidArtifact(
        f"image: the PIL image of mode {image.mode} {numbers}: scale them to {wanted}."
    )
