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

_LARGEST = 2**63 - 1


def read_position(place: Path) -> Position | None:
    """Return the position in a file; `None` if there is no such file."""
    if place.exists() and not place.is_file():
        raise click.UsageError(f"{place} is not a file: give the name of one.")
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        text = ""
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
        if isinstance(value, dict) and all(map(is_version_of, value.items())):
            return value
    raise click.UsageError(
        f'{place} does not hold a position such as {{"sales": 3}}: delete it to begin anew.'
    )


def is_version_of(entry: tuple[str, object]) -> bool:
    """Tell whether an entry of a position is a key and a version, or 0."""
    key, version = entry
    return bool(key) and type(version) is int and 0 <= version <= _LARGEST


def write_position(place: Path, position: Position) -> None:
    """Replace the position in a file as a whole, so that a crash leaves the one before or this one."""
    target = Path(os.path.realpath(place))  # a link stays a link
    if not target.parent.is_dir():
        raise click.UsageError(f"{place}: there is no such directory: {target.parent}.")
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
