"""What it takes to compare two tables, beside `DataFrame.compare` of pandas."""

import gc
import random
from collections.abc import Callable, Iterator
from functools import partial
from time import process_time
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from artifact_store.differences.diff import compare

from .measure import Line, compared, in_turns

__all__ = ["measured"]

_ROWS = 100_000
_CHANGED = 1_000
_REGIONS = ("north", "south", "east")


class Table(NamedTuple):
    """What is compared of an artifact."""

    data: Any
    type: str = "table"
    description: None = None
    metadata: None = None


def older_rows(source: random.Random) -> list[dict[str, Any]]:
    """Return rows of ten columns: numbers, short texts and nulls."""
    rows = []
    for number in range(_ROWS):
        row = {
            "id": number,
            "name": f"customer {number % 977}",
            "region": source.choice(_REGIONS),
            "a": source.random(),
            "b": source.randrange(10**6),
            "c": source.random() * 100,
            "d": number * 0.5 if number % 50 else None,
            "e": number % 2 == 1,
            "f": f"2026-01-{number % 28 + 1:02}",
            "g": number % 7,
        }
        rows.append(row)
    return rows


def newer_rows(rows: list[dict[str, Any]], source: random.Random) -> list[dict[str, Any]]:
    """Return the rows with some changed numbers."""
    newer = [dict(row) for row in rows]
    for number in source.sample(range(_ROWS), _CHANGED):
        column = source.choice("abcd")
        newer[number][column] = (newer[number][column] or 0) + 1
    return newer


def seconds(operation: Callable[[], object], _: int) -> float:
    """Return the processor time of a call, as nothing here waits."""
    gc.collect()
    start = process_time()
    operation()
    return process_time() - start


def measured(wanted: Callable[[str], bool], rounds: int) -> Iterator[Line]:
    """Compare two tables by key, by key with the rows in another order, and by position."""
    if not wanted("compare tables"):
        return
    from pandas import DataFrame

    source = random.Random(7)
    older = older_rows(source)
    newer = newer_rows(older, source)
    shuffled = source.sample(newer, len(newer))

    # Both sides have what their parser makes of the JSON that is stored.
    tables = [Table(from_json(to_json(rows))) for rows in (older, newer, shuffled)]
    frames = [DataFrame(table.data) for table in tables]
    by_id = [frame.set_index("id") for frame in frames]
    names = ("older", "newer")
    cases = {
        "by key": (
            partial(compare, tables[0], tables[1], names, ["id"]),
            lambda: by_id[0].compare(by_id[1]),
        ),
        "by key, the rows shuffled": (
            partial(compare, tables[0], tables[2], names, ["id"]),
            lambda: by_id[0].compare(by_id[2].reindex(by_id[0].index)),
        ),
        "by position": (
            partial(compare, tables[0], tables[1], names),
            lambda: frames[0].compare(frames[1]),
        ),
    }
    for name, (ours, theirs) in cases.items():
        times = in_turns([partial(seconds, ours), partial(seconds, theirs)], min(rounds, 9))
        target = 3 if name == "by key" else 0
        line = Line("comparing", f"compare tables {name}", "", 0, target)
        yield compared(line, times[0], times[1])
