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
from typing import IO, Any

from ..clock import new_id
from ..errors import InvalidQuery
from ..paths import mode_of
from ..rendering.markup import Html, element, escape
from ..rendering.style import STYLE
from ..rendering.text import counted, escape_controls, moment_text
from ..wording import shown

__all__ = ["Page", "embedded", "opened"]

_EMPTY = Html(
    '<p class="note">No artifact was found: those without a key are not shown, nor what the filters leave out.</p>\n'
)
_PIECE = 1 << 20  # bytes
_WORTHWHILE = 1000  # characters; less is not compressed
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


@cache
def _asset(name: str) -> Html:
    """Return a file of this package, which may stand in the page as it is."""
    return Html.trusted(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _hashed(text: str) -> str:
    """Return a text as a source of a content security policy: it alone may run, or be a style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def embedded(value: Any) -> str:
    r"""Return JSON that can stand in a script element of HTML, whatever it holds.

    Examples:
        >>> embedded("</script>"), embedded("a\u2028b"), embedded("\ud800")
        ('"\\u003c/script>"', '"a\\u2028b"', '"\\ud800"')
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("<", r"\u003c").replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can say and UTF-8 cannot
        return json.dumps(value, separators=(",", ":")).replace("<", r"\u003c")
    return text


class Page:
    """One report in the making: rows and payloads wait in temporary files until all are known.

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

    def add_version(self, number: int, version: int, html: Html, data: Any) -> None:
        """Add what is shown when a version is opened, and its whole payload."""
        self.versions += 1
        self._add(f"_v{number}.{version}", html)
        self._add(f"_d{number}.{version}", data)

    def add_history(self, number: int, html: tuple[Html, Html]) -> None:
        """Add the trend and the versions of a key, which all its versions show."""
        self._add(f"_h{number}", html)

    def _add(self, name: str, value: Any) -> None:
        """Add a value as JSON, or as base64 of what zlib makes of it where that is shorter."""
        text, kind = embedded(value), "application/json"
        if len(text) > _WORTHWHILE:
            packed = base64.b64encode(zlib.compress(text.encode())).decode()
            if len(packed) < len(text):
                text, kind = packed, "application/zlib"
        self._streams["payloads"].write(
            f'<script type="{kind}" id="{name}">{text}</script>\n'.encode()
        )

    def write_to(self, file: IO[bytes]) -> int:
        """Write the page, and return its size in bytes."""
        values = self._values()
        size = 0
        # Split before values are put in: what looks like a placeholder in one of them is text.
        parts = _PLACEHOLDER.split(_asset("report.html"))
        for number, part in enumerate(parts):
            if number % 2 == 0:
                size += file.write(part.encode())
            elif part in self._streams:
                size += _copied(self._streams[part], file)
            else:
                size += file.write(values[part].encode())
        return size

    def _values(self) -> dict[str, Html]:
        """Return what takes the place of the placeholders in the template."""
        style = Html.trusted(STYLE + _asset("report.css"))
        early, script = _asset("early.js"), _asset("report.js")
        policy = (
            f"default-src 'none'; script-src {_hashed(early)} {_hashed(script)}; "
            f"style-src {_hashed(style)}; img-src data:; base-uri 'none'; form-action 'none'"
        )
        return {
            "title": escape(escape_controls(self._title)),
            "lead": escape(
                f"{counted(self.artifacts, 'artifact')}, {counted(self.versions, 'version')} to open"
            ),
            "empty": Html("") if self.artifacts else _EMPTY,
            "written": element(
                "time", moment_text(self._written), datetime=self._written.isoformat()
            ),
            "policy": Html.trusted(policy),  # it holds no double quotes
            "style": style,
            "early": early,
            "script": script,
        }


def _copied(source: IO[bytes], target: IO[bytes]) -> int:
    source.seek(0)
    size = 0
    while piece := source.read(_PIECE):
        size += target.write(piece)
    return size


@contextmanager
def opened(path: str | os.PathLike[str] | IO[bytes]) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of the one at `path` when all of it is written, and never before.

    A binary stream is written to as it is, and so is what is no plain file (a pipe, `/dev/stdout`).

    Raises:
        InvalidQuery: nothing can be written there; the sentence says why.
    """
    if not isinstance(path, str | os.PathLike):
        if isinstance(path, io.TextIOBase) or not hasattr(path, "write"):
            raise InvalidQuery(f"{shown(path)} is neither a path nor a binary stream.")
        if isinstance(path, io.RawIOBase):  # may take a part of what it is given
            buffered = io.BufferedWriter(path)
            yield buffered
            buffered.detach()
            return
        yield path
        return
    name = os.fspath(path)[:300]
    try:
        target = Path(os.path.realpath(path))
        mode = mode_of(target)
        if S_ISDIR(mode):
            raise InvalidQuery(f"{name} is a directory: name a file in it.")
        written = target.with_name(f".{target.name[:100]}.{new_id()}")
        if not S_ISDIR(mode_of(target.parent)):
            raise InvalidQuery(f"{name} is in no directory that exists: make it first.")
        special = mode != 0 and not S_ISREG(mode)
        file = target.open("wb") if special else written.open("xb")
    except InvalidQuery:  # it is a ValueError too
        raise
    except (
        OSError,
        ValueError,
    ) as error:  # ValueError: no file system has a name with U+0000 or a lone surrogate
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidQuery(f"{name} cannot be written: {reason}.") from error
    try:
        with file:
            yield file
        if not special:
            if mode_of(target):
                shutil.copymode(target, written)
            written.replace(target)
    except BaseException:
        if not special:
            written.unlink(missing_ok=True)
        raise
