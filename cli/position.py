"""The position of a watcher in a file: the last version of each key that was handled, as JSON."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import click

__all__ = ["Position", "read_position", "write_position"]

Position = dict[str, int]


def read_position(place: Path) -> Position | None:
    """Return the position in a file; `None` if there is no such file."""
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        text = ""
    with suppress(ValueError):
        value = json.loads(text)
        if isinstance(value, dict) and all(type(each) is int for each in value.values()):
            return value
    raise click.UsageError(
        f'{place} does not hold a position such as {{"sales": 3}}: delete it to begin anew.'
    )


def write_position(place: Path, position: Position) -> None:
    """Replace the position in a file as a whole, so that a crash leaves the one before or this one."""
    target = Path(os.path.realpath(place))  # a link stays a link
    number, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with open(number, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(position, file)
            file.write("\n")
            file.flush()
            os.fsync(number)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def sync_directory(place: Path) -> None:
    """Wait until the names in a directory are on the disk."""
    number = os.open(place, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
