"""All output: for a person on a terminal, or plain and tab-separated where it is read by something else."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from .screen import console, note, width
from .text import is_terminal, json_text, safe

if TYPE_CHECKING:
    from uuid import UUID

    from artifact_store import Artifact, ArtifactContext, Point, StoreInfo

__all__ = [
    "columns_of",
    "dump",
    "figure",
    "is_sparse",
    "named",
    "points",
    "print_artifact",
    "print_csv",
    "print_facts",
    "print_info",
    "print_json",
    "print_listing",
    "print_ndjson",
    "print_raw",
    "print_rows",
    "print_trend",
    "trend",
]

_GAP = 2  # blanks between columns
_LARGE = 200_000  # cells
_DISPENSABLE = (("description", 16), ("run", 0), ("age", 0), ("description", 0), ("trend", 0), ("type", 0))


def print_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json_text(dump(value)))


def print_ndjson(values: Iterable[Any]) -> None:
    """Print a JSON document a line, each as soon as it is there."""
    for value in values:
        sys.stdout.write(json_text(dump(value), indent=None) + "\n")


def dump(value: Any, *without: str) -> Any:
    """Return a value, or several values, of the SDK as plain JSON; some fields may be left out."""
    if isinstance(value, list | Iterator):
        return [dump(each) for each in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude=set(without))
    return value._asdict() if hasattr(value, "_asdict") else value


def points(some: Iterable[Point]) -> list[dict[str, Any]]:
    """Return the history of a number as plain JSON."""
    return [{"version": point.version, "created": _time(point.created), "value": figure(point.value)} for point in some]


def named(artifact: Artifact) -> str:
    """Return the reference of an artifact: `key@version`, or its id when it has no key."""
    return str(artifact.id) if artifact.key is None else f"{artifact.key}@{artifact.version}"


# Rows


def print_rows(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print a table: aligned on a terminal, otherwise tab-separated below a line of names, row after row."""
    if is_terminal():
        _print_aligned(columns, list(rows), columns)
        return
    sys.stdout.write("\t".join(map(safe, columns)) + "\n")
    for line in _lines(columns, rows, safe):
        sys.stdout.write("\t".join(line) + "\n")


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print comma-separated values below a line of names; texts are as they are, unless a terminal would see them."""
    writer = csv.writer(_Lines(safe if is_terminal() else str))
    writer.writerow(columns)
    writer.writerows(_lines(columns, rows, str))


def _lines(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], shown: Callable[[str], str]
) -> Iterator[list[str]]:
    """Yield the cells of each row; only those that the row has cost more than an empty text."""
    places = {name: place for place, name in enumerate(columns)}
    for row in rows:
        line = [""] * len(columns)
        for name, value in row.items():
            place = places.get(name)
            if place is not None:
                line[place] = shown(_cell(value))
        yield line


def is_sparse(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether nearly all cells of a large table are empty, as where every row has names of its own.

    Its cells grow with the square of what it holds, so it is not printed as a table.
    """
    held = sum(map(len, rows))
    cells = len(rows) * len(columns_of(rows))
    return cells > _LARGE and cells > 10 * held


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
    from artifact_store.rendering import age

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


# Numbers


def figure(value: float) -> int | float:
    """Return a number without the fraction that it does not have."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def trend(some: Iterable[Point], room: int = 20) -> str:
    """Return how a number went: as a sparkline on a terminal that can show one, otherwise as the numbers."""
    values = [point.value for point in some][-room:]
    if is_terminal() and (sys.stdout.encoding or "").lower().startswith("utf"):
        from artifact_store.rendering import sparkline

        return sparkline(values)
    return " ".join(map(_cell, map(figure, values)))


def print_trend(field: str, some: Sequence[Point]) -> None:
    """Print on a terminal how a number went."""
    values = [point.value for point in some]
    lowest, highest, last = (_cell(figure(value)) for value in (min(values), max(values), values[-1]))
    room = max(width() - len(field) - 40, 8)
    click.echo(f"{safe(field)}  {trend(some, room)}  {lowest} to {highest}, now {last}")
    click.echo()


# One artifact


def print_artifact(artifact: Artifact, around: ArtifactContext) -> None:
    """Print what is known of an artifact and what it holds; on a terminal as its type is shown everywhere."""
    if is_terminal():
        from artifact_store import render_artifact
        from artifact_store.rendering import print_blocks

        print_blocks(console(), render_artifact(artifact, around), remedy="--raw prints all of it.")
        return
    print_facts(_facts(artifact, around))
    click.echo()
    rows = artifact.data if artifact.type == "table" else None
    if rows and isinstance(rows, list) and all(isinstance(row, dict) for row in rows) and not is_sparse(rows):
        print_rows(columns_of(rows), rows)
    elif isinstance(artifact.data, str):
        click.echo(safe(artifact.data.replace("\r\n", "\n"), keep="\n\t"))
    else:
        click.echo(json_text(artifact.data))


def _facts(artifact: Artifact, around: ArtifactContext) -> dict[str, Any]:
    """Return what is known of an artifact, by name."""
    flow, run, task = around.flow, around.flow_run, around.task_run
    facts = {
        "artifact": named(artifact),
        "type": artifact.type,
        "id": artifact.id,
        "description": artifact.description,
        **{f"metadata.{name}": value for name, value in (artifact.metadata or {}).items()},
        "created": _time(artifact.created),
        "updated": _time(artifact.updated),
        "previous": around.previous,
        "next": around.next,
        "changes": "; ".join(around.changes) or None,
        "flow": flow and flow.name,
        "flow run": _run_named(run, artifact.flow_run_id),
        "task run": _run_named(task, artifact.task_run_id),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _run_named(run: Any, run_id: UUID | None) -> str | None:
    """Return the name of a run with its id; the id alone when the name says nothing else, or nobody knows it."""
    if run_id is None:
        return None
    return str(run_id) if run is None or run.name == str(run_id) else f"{run.name} ({run_id})"


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the columns of a table, in the order in which its rows name them."""
    return list(dict.fromkeys(name for row in rows for name in row))


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


# The store


def print_info(info: StoreInfo) -> None:
    """Print what a store is and holds; a person is not shown what it does not have."""
    facts = info._asdict()
    if is_terminal():
        size = None if info.size is None else f"{info.size / 1024:,.0f} KiB"
        facts = {name: value for name, value in {**facts, "size": size}.items() if value is not None}
    print_facts(facts)
