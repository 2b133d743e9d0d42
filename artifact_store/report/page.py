"""The page: its shell, its content security policy, and the file that it is written to piece by piece."""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from tempfile import TemporaryFile
from typing import IO

from ..clock import new_id
from ..errors import InvalidQuery
from ..paths import mode_of
from ..rendering.markup import Html, element, escape
from ..rendering.style import STYLE
from ..rendering.text import count_text, escape_controls, moment_text
from ..wording import shown

__all__ = ["Page", "embedded", "open_target"]

_EMPTY = Html(
    '<p class="note">No artifact was found: those without a key are not shown, nor what the filters leave out.</p>\n'
)
_PIECE = 1 << 20  # bytes
_WORTHWHILE = 1000  # characters; less is not compressed
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


@cache
def asset(name: str) -> Html:
    """Return a file of this package, which may stand in the page as it is."""
    file = files(__package__ or "").joinpath(name)
    return Html.trusted(file.read_text(encoding="utf-8"))


def policy_hash(text: str) -> str:
    """Return a text as a source of a content security policy: it alone may run, or be a style."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def embedded(value: object) -> str:
    r"""Return JSON that can stand in a script element of HTML, whatever it holds.

    Examples:
        >>> embedded("</script>"), embedded("a\u2028b"), embedded("\ud800")
        ('"\\u003c/script>"', '"a\\u2028b"', '"\\ud800"')
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can represent and UTF-8 cannot
        text = json.dumps(value, separators=(",", ":"))
    # "<" would begin a tag, and the others end a line of JavaScript.
    text = text.replace("<", r"\u003c")
    text = text.replace("\u2028", r"\u2028")
    return text.replace("\u2029", r"\u2029")


class Page:
    """One report that is being made: rows and payloads wait in temporary files until all are known.

    Attributes:
        artifacts: how many rows there are.
        versions: how many versions can be opened.
    """

    def __init__(self, title: str, written: datetime) -> None:
        """Begin with nothing."""
        self._title = title
        self._written = written
        self._streams: dict[str, IO[bytes]] = {}
        for name in ("rows", "payloads"):
            self._streams[name] = TemporaryFile()  # noqa: SIM115 - __exit__ closes it
        self.artifacts = 0
        self.versions = 0

    def __enter__(self) -> "Page":
        """Return the page."""
        return self

    def __exit__(self, *_: object) -> None:
        """Drop the temporary files."""
        for stream in self._streams.values():
            stream.close()

    def add_row(self, html: Html) -> None:
        """Add a row to the overview."""
        self.artifacts += 1
        self._streams["rows"].write(html.encode())

    def add_version(self, number: int, version: int, html: Html, data: object) -> None:
        """Add what is shown when a version is opened, and its whole payload."""
        self.versions += 1
        self.add_payload(f"_v{number}.{version}", html)
        self.add_payload(f"_d{number}.{version}", data)

    def add_history(self, number: int, html: tuple[Html, Html]) -> None:
        """Add the trend and the versions of a key, which all its versions show."""
        self.add_payload(f"_h{number}", html)

    def add_payload(self, name: str, value: object) -> None:
        """Add a value as JSON, or as base64 of zlib's output where that is shorter."""
        text = embedded(value)
        media_type = "application/json"
        if len(text) > _WORTHWHILE:
            compressed = base64.b64encode(zlib.compress(text.encode())).decode()
            if len(compressed) < len(text):
                text = compressed
                media_type = "application/zlib"
        script = f'<script type="{media_type}" id="{name}">{text}</script>\n'
        self._streams["payloads"].write(script.encode())

    def write_to(self, file: IO[bytes]) -> int:
        """Write the page, and return its size in bytes."""
        values = self.values()
        size = 0
        # Split before values are put in: what looks like a placeholder in one of them is text.
        parts = _PLACEHOLDER.split(asset("report.html"))
        for number, part in enumerate(parts):
            if number % 2 == 0:
                size += file.write(part.encode())
            elif part in self._streams:
                size += copy_stream(self._streams[part], file)
            else:
                size += file.write(values[part].encode())
        return size

    def values(self) -> dict[str, Html]:
        """Return what takes the place of the placeholders in the template."""
        style = Html.trusted(STYLE + asset("report.css"))
        early = asset("early.js")
        script = asset("report.js")
        policy = (
            f"default-src 'none'; script-src {policy_hash(early)} {policy_hash(script)}; "
            f"style-src {policy_hash(style)}; img-src data:; base-uri 'none'; form-action 'none'"
        )
        artifacts = count_text(self.artifacts, "artifact")
        versions = count_text(self.versions, "version")
        written = element(
            "time",
            moment_text(self._written),
            datetime=self._written.isoformat(),
        )
        return {
            "title": escape(escape_controls(self._title)),
            "lead": escape(f"{artifacts}, {versions} to open"),
            "empty": Html("") if self.artifacts else _EMPTY,
            "written": written,
            "policy": Html.trusted(policy),  # it holds no double quotes
            "style": style,
            "early": early,
            "script": script,
        }


def copy_stream(source: IO[bytes], target: IO[bytes]) -> int:
    """Copy a temporary file from its start, and return its size in bytes."""
    source.seek(0)
    size = 0
    while piece := source.read(_PIECE):
        size += target.write(piece)
    return size


@contextmanager
def open_target(path: str | os.PathLike[str] | IO[bytes]) -> Iterator[IO[bytes]]:
    """Open what a report is written to.

    A file replaces the one at `path` when all of it is written, and never before. A binary stream is written
    to as it is, and so is what is not a regular file (a pipe, `/dev/stdout`).

    Raises:
        InvalidQuery: nothing can be written there; the message says why.
    """
    if isinstance(path, str | os.PathLike):
        with replaced_file(path) as file:
            yield file
    elif isinstance(path, io.TextIOBase) or not hasattr(path, "write"):
        raise InvalidQuery(f"{shown(path)} is neither a path nor a binary stream.")
    elif isinstance(path, io.RawIOBase):
        buffered = io.BufferedWriter(path)  # a raw stream may write only a part of what it gets
        yield buffered
        buffered.detach()
    else:
        yield path


@contextmanager
def replaced_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file beside the one at `path`, which it replaces when the block ends without an error."""
    target, temporary = resolve_target(path)
    try:
        file = target.open("wb") if temporary is None else temporary.open("xb")
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error
    try:
        with file:
            yield file
        if temporary is not None:
            if mode_of(target):
                shutil.copymode(target, temporary)
            temporary.replace(target)
    except BaseException:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise


def resolve_target(path: str | os.PathLike[str]) -> tuple[Path, Path | None]:
    """Return the file that is meant, and the temporary one beside it; `None` for a pipe or a device."""
    name = os.fspath(path)[:300]
    try:
        target = Path(os.path.realpath(path))
        mode = mode_of(target)
        parent_mode = mode_of(target.parent)
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error

    if S_ISDIR(mode):
        raise InvalidQuery(f"{name} is a directory: name a file in it.")
    if not S_ISDIR(parent_mode):
        raise InvalidQuery(f"{name} is in no directory that exists: make it first.")
    if mode != 0 and not S_ISREG(mode):
        return target, None
    return target, target.with_name(f".{target.name[:100]}.{new_id()}")


def unwritable(path: str | os.PathLike[str], error: OSError | ValueError) -> InvalidQuery:
    """Return the error for a file that cannot be written.

    Python raises ValueError for a name with U+0000 or a lone surrogate, which no file system has.
    """
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return InvalidQuery(f"{os.fspath(path)[:300]} cannot be written: {reason}.")
