"""All output: for a person on a terminal, or plain and tab-separated where it is read by something else."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from .screen import console, height, note, width
from .text import is_terminal, json_text, safe

if TYPE_CHECKING:
    from uuid import UUID

    from artifact_store import Artifact, StoreInfo

__all__ = [
    "age",
    "dump",
    "named",
    "print_artifact",
    "print_csv",
    "print_facts",
    "print_info",
    "print_json",
    "print_listing",
    "print_ndjson",
    "print_raw",
    "print_rows",
]

_GAP = 2  # blanks between columns
_WIDEST = 40  # a column of a table counts as no wider; rich cuts its cells
_DISPENSABLE = (("description", 16), ("run", 0), ("age", 0), ("description", 0), ("type", 0))
_MARGIN = 12  # lines of the terminal that are left to the header of an artifact


def print_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json_text(dump(value)))


def print_ndjson(values: Iterable[Any]) -> None:
    """Print a JSON document a line, each as soon as it is there."""
    for value in values:
        sys.stdout.write(json_text(dump(value), indent=None) + "\n")


def dump(value: Any) -> Any:
    """Return a value, or a list of values, of the SDK as plain JSON."""
    if isinstance(value, list):
        return [dump(each) for each in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return value._asdict() if hasattr(value, "_asdict") else value


def named(artifact: Artifact) -> str:
    """Return the reference of an artifact: `key@version`, or its id when it has no key."""
    return str(artifact.id) if artifact.key is None else f"{artifact.key}@{artifact.version}"


def age(moment: datetime) -> str:
    """Return how long ago a time was, in the largest unit that says enough."""
    seconds = int((datetime.now(UTC) - moment).total_seconds())
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{max(seconds, 0) // size} {unit}"
    return f"{seconds // 86_400} days"


# Rows


def print_rows(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print a table: aligned on a terminal, otherwise tab-separated below a line of names, row after row."""
    if is_terminal():
        _print_aligned(columns, list(rows), columns)
        return
    for line in chain([columns], ([_cell(row.get(name)) for name in columns] for row in rows)):
        sys.stdout.write("\t".join(map(safe, line)) + "\n")


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print comma-separated values below a line of names; texts are as they are, unless a terminal would see them."""
    writer = csv.writer(_Lines(safe if is_terminal() else str))
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)


class _Lines:
    r"""Where a CSV writer writes to; it ends its lines with \r\n, so that it quotes every cell that holds one."""

    def __init__(self, shown: Callable[[str], str]) -> None:
        self._shown = shown

    def write(self, line: str) -> None:
        sys.stdout.write(self._shown(line.removesuffix("\r\n")) + "\n")


def _print_aligned(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], whole: Collection[str] = ()) -> None:
    """Print an aligned table; of the columns named in `whole` nothing is cut, their cells are folded."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for name in columns:
        figures = all(isinstance(row.get(name), int | float | None) for row in rows)
        cut = name not in whole
        table.add_column(
            Text(safe(name)),
            justify="right" if figures else "left",
            no_wrap=cut,
            overflow="ellipsis" if cut else "fold",
        )
    for row in rows:
        table.add_row(*(Text(safe(_cell(row.get(name)))) for name in columns))
    console().print(table)


def print_listing(columns: Sequence[str], rows: Iterable[dict[str, Any]], as_csv: bool = False) -> None:
    """Print what is known of artifacts; a terminal shows ages, and less of them when it is narrow."""
    if as_csv:
        print_csv(columns, rows)
    elif is_terminal():
        _print_listing(["age" if name == "updated" else name for name in columns], list(rows))
    else:
        print_rows(columns, rows)


def _print_listing(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Print aligned rows; a terminal that is too narrow shows less of the description, then fewer columns."""
    if not rows:
        note("Nothing found.")
        return
    for row in rows:
        row["age"] = age(row["updated"])
        row["description"] = next(iter((row["description"] or "").splitlines()), "")
    widths = {name: _width(name, rows) for name in columns}
    for name, least in _DISPENSABLE:
        excess = sum(widths.values()) - _GAP - width()
        if excess > 0 and name in widths:
            widths[name] = max(widths[name] - excess, least + _GAP) if least else 0
    shown = [name for name in columns if widths.get(name)]
    for row in rows:
        row["description"] = _shortened(row["description"], widths["description"] - _GAP)
    _print_aligned(shown, rows, ("key", "id"))


def _width(name: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Return how many columns of a terminal a column of a table takes."""
    from rich.cells import cell_len

    return max(cell_len(safe(text)) for text in (name, *(_cell(row.get(name)) for row in rows))) + _GAP


def _shortened(text: str, room: int) -> str:
    from rich.cells import cell_len, set_cell_size

    text = safe(text)
    return text if cell_len(text) <= room else set_cell_size(text, max(room - 1, 0)) + "…"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return _time(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | float | list | dict) else str(value)


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


# One artifact


def print_artifact(artifact: Artifact, runs: Mapping[UUID, str]) -> None:
    """Print what is known of an artifact, then its payload."""
    run = artifact.flow_run_id
    head = {
        "artifact": named(artifact),
        "type": artifact.type,
        "id": artifact.id,
        "description": artifact.description,
        **{f"metadata.{name}": value for name, value in (artifact.metadata or {}).items()},
        "created": _time(artifact.created),
        "updated": _time(artifact.updated),
        "flow run": run and (f"{runs[run]} ({run})" if runs.get(run, str(run)) != str(run) else run),
        "task run": artifact.task_run_id,
    }
    print_facts({name: value for name, value in head.items() if value is not None})
    click.echo()
    rows = _table_rows(artifact.data) if artifact.type == "table" else None
    if rows is not None:
        _print_table(rows)
    elif isinstance(artifact.data, str):
        click.echo(safe(artifact.data.replace("\r\n", "\n"), keep="\n\t"))
    else:
        click.echo(json_text(artifact.data))


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values, one to a line."""
    column = max(map(len, facts)) + 2 if is_terminal() else 0
    for name, value in facts.items():
        label = safe(name)
        click.echo(f"{label:<{column}}{safe(_cell(value))}" if column else f"{label}\t{safe(_cell(value))}")


def print_raw(artifact: Artifact) -> None:
    """Print the payload alone: a text just as it is, anything else as JSON."""
    data = artifact.data
    if not isinstance(data, str):
        click.echo(json_text(data))
    elif is_terminal():
        click.echo(safe(data, keep="\n\t"), nl=not data.endswith("\n"))
    else:
        rest = memoryview(data.encode())
        while rest:  # unbuffered, a write may take a part
            rest = rest[sys.stdout.buffer.write(rest) :]


def _table_rows(data: Any) -> list[dict[str, Any]] | None:
    """Return the rows of a table that is a list of objects, `None` when it is anything else."""
    rows = data if isinstance(data, list) and all(isinstance(row, dict) for row in data) else None
    return rows or None


def _print_table(rows: list[dict[str, Any]]) -> None:
    """Print a table as much as the terminal has room for, and say what is left out; elsewhere print all of it."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if not is_terminal():
        print_rows(columns, rows)
        return
    shown_rows = rows[: max(height() - _MARGIN, 5)]
    shown = _fitting(columns, shown_rows, width())
    _print_aligned(shown, shown_rows)
    left_out = [f"{len(rows) - len(shown_rows):,} of {len(rows):,} rows"] * (len(shown_rows) < len(rows))
    left_out += [f"{len(columns) - len(shown)} of {len(columns)} columns"] * (len(shown) < len(columns))
    if left_out:
        note(f"Left out: {' and '.join(left_out)}. --raw prints all of them.")


def _fitting(columns: list[str], rows: list[dict[str, Any]], room: int) -> list[str]:
    """Return the first columns that fit beside each other."""
    total, shown = -_GAP, list[str]()
    for name in columns:
        total += min(_width(name, rows), _WIDEST)
        if shown and total > room:
            break
        shown.append(name)
    return shown


# The store


def print_info(info: StoreInfo) -> None:
    """Print what a store is and holds; a person is not shown what it does not have."""
    facts = info._asdict()
    if is_terminal():
        size = None if info.size is None else f"{info.size / 1024:,.0f} KiB"
        facts = {name: value for name, value in {**facts, "size": size}.items() if value is not None}
    print_facts(facts)
