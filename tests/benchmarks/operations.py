"""The operations that are measured beside the hand-written drivers, as data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from .dataset import Dataset, payload
from .measure import Line, compared, in_turns, seconds_per_call
from .ours import StoreSide
from .places import Places

__all__ = ["CASES", "ENGINES", "Case", "bare_side", "measured"]

ENGINES = ("sqlite", "postgresql")
_SMALL, _LARGE = 10_000, 100_000
_BULK = 10_000

Arguments = Callable[[Any, int], Sequence[Any]]


class Case(NamedTuple):
    """One operation.

    Attributes:
        name: what the report calls it.
        method: what is called on both sides.
        arguments: makes, before the clock starts, what a side is called with in a round.
        targets: the ratio that is aimed at, by engine.
        engines: where it is measured.
        bare: what is called on the hand-written side, when it is another method.
        size: the number of artifacts that are there to begin with.
        where: whether SQLite's file is in memory or on disk.
        rounds: the most rounds, for what takes long.
    """

    name: str
    method: str
    arguments: Arguments
    targets: Mapping[str, float] = {}
    engines: tuple[str, ...] = ENGINES
    bare: str = ""
    size: int = _SMALL
    where: str = "memory"
    rounds: int = 99


_DATA = Dataset(_SMALL)


def _new(number: int, key: str) -> dict[str, Any]:
    return {"key": key, **payload(number), "flow_run_id": _DATA.run_id(number % _DATA.runs)}


def _creates(side: Any, turn: int, calls: int = 200) -> Sequence[Any]:
    """Half of the keys are new, half have versions already."""
    return [_new(at, _DATA.key(at) if at % 2 else f"new/{turn}-{at}") for at in range(calls)]


def _values(side: Any, turn: int) -> Sequence[Any]:
    return side.prepared([{**each, "key": each["key"] + "-v"} for each in _creates(side, turn)])


def _ids(side: Any, turn: int) -> Sequence[Any]:
    return [_DATA.artifact_id((at * 37 + turn) % _SMALL) for at in range(300)]


def _keys(side: Any, turn: int) -> Sequence[Any]:
    return [_DATA.key((at * 37 + turn) % _DATA.keys) for at in range(300)]


def _same(value: Any, calls: int, side: Any, turn: int) -> Sequence[Any]:
    return [value] * calls


def _changes(side: Any, turn: int) -> Sequence[Any]:
    """Every other one is the latest of its key."""
    numbers = [_SMALL - 1 - at if at % 2 else at * 7 + turn for at in range(200)]
    made = [payload(number + turn) for number in numbers]
    changes = [{"description": each["description"], "data": each["data"]} for each in made]
    return [
        (_DATA.artifact_id(number), change) for number, change in zip(numbers, changes, strict=True)
    ]


def _latest(side: Any, turn: int) -> Sequence[Any]:
    return side.latest_ids([_DATA.key((turn * 100 + at) % _DATA.keys) for at in range(100)])


def _bulk(side: Any, turn: int) -> Sequence[Any]:
    """Ten versions of each key, of which some are there already from the second round on."""
    return [
        side.prepared([_new(at, f"bulk/{turn // 2}-{at % (_BULK // 10)}") for at in range(_BULK)])
    ]


def _by_engine(sqlite: float, postgresql: float) -> dict[str, float]:
    return {"sqlite": sqlite, "postgresql": postgresql}


_WRITE, _READ, _FOUND, _CREATE = (
    _by_engine(1.4, 1.4),
    _by_engine(1.5, 1.3),
    _by_engine(1.4, 1.4),
    _by_engine(1.3, 1.2),
)
_LIST, _ONE = _by_engine(1.3, 1.3), ("postgresql",)

CASES = (
    Case("create", "create", _creates, _CREATE),
    Case("create, from an ArtifactCreate", "create_value", _values, _CREATE),
    Case(
        "create, on disk",
        "create",
        partial(_creates, calls=60),
        {"sqlite": 1.3},
        ("sqlite",),
        where="disk",
    ),
    Case("read by id", "read", _ids, _READ),
    Case("read latest", "read_latest", _keys, _READ),
    Case("list 100, all", "list_all", partial(_same, 100, 30), _LIST),
    Case("list 100, latest", "list_latest", partial(_same, 100, 30), _LIST),
    Case("filtered list of 100, all", "list_filtered", partial(_same, "table", 30), _FOUND),
    Case(
        "filtered list of 100, latest", "list_latest_filtered", partial(_same, "link", 30), _FOUND
    ),
    Case("count", "count", partial(_same, None, 60), _FOUND),
    Case("filtered count", "count_filtered", partial(_same, "table", 60), _FOUND),
    Case("update", "update", _changes, _WRITE),
    Case("update, against one statement", "update", _changes, _WRITE, _ONE, bare="update_at_once"),
    Case("delete latest", "delete", _latest, _WRITE),
    Case("bulk 10,000", "bulk", _bulk, _by_engine(1.3, 1.5), rounds=9),
    Case("iterate 100,000", "iterate", partial(_same, None, 1), size=_LARGE, rounds=7),
)


def bare_side(engine: str, url: str) -> Any:
    """Open the hand-written side of an engine on the database of a store."""
    if engine == "sqlite":
        from .bare_sqlite import BareSqlite

        return BareSqlite(url.removeprefix("sqlite:///"))
    from .bare_postgresql import BarePostgresql

    return BarePostgresql(url)


def _measured(case: Case, engine: str, sides: Sequence[Any], rounds: int) -> Line:
    """Measure one case on the store and on the hand-written side, each on a database of its own."""
    calls = [getattr(sides[0], case.method), getattr(sides[1], case.bare or case.method)]

    def timed(at: int, turn: int) -> float:
        return seconds_per_call(calls[at], case.arguments(sides[at], turn))

    rounds = min(rounds, case.rounds)
    warm = 0 if case.rounds < 99 else 1  # what takes long needs no warming up
    times = in_turns([partial(timed, 0), partial(timed, 1)], rounds + warm)
    line = Line("operations", case.name, engine, 0, case.targets.get(engine, 0))
    return compared(line, times[0][warm:], times[1][warm:])


def measured(
    places: Places, engine: str, wanted: Callable[[str], bool], rounds: int
) -> Iterator[Line]:
    """Measure every wanted case on an engine."""
    pairs: dict[tuple[int, str], list[Any]] = {}
    for case in CASES:
        if engine not in case.engines or not wanted(case.name):
            continue
        place = (case.size, case.where)
        if place not in pairs:
            urls = [places.filled(engine, *place) for _ in (0, 1)]
            pairs[place] = [StoreSide(urls[0]), bare_side(engine, urls[1])]
        yield _measured(case, engine, pairs[place], rounds)
    for pair in pairs.values():
        for side in pair:
            side.close()
