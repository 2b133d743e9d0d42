"""What becomes of the times as the store grows, and what filters on runs cost in a large one."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import perf_counter
from typing import Any

from artifact_store import (
    ArtifactCollectionSort,
    ArtifactSort,
    ArtifactStore,
    FlowFilter,
    FlowRunFilter,
)

from .dataset import SHARES, Dataset
from .measure import Line, compared, in_turns, seconds_per_call
from .places import Places

__all__ = ["measured"]

_PAGE = 100
_POINTS = 20

Wanted = Callable[[str], bool]
Operation = tuple[
    str, Callable[[ArtifactStore, Any], object], Callable[[ArtifactStore, Dataset], Sequence[Any]]
]


def _listing(store: ArtifactStore, latest: bool) -> Callable[..., list[Any]]:
    return store.read_latest_artifacts if latest else store.read_artifacts


def _first_page(latest: bool, sort: Any, store: ArtifactStore, _: object) -> object:
    return _listing(store, latest)(limit=_PAGE, sort=sort)


def _next_page(latest: bool, sort: Any, store: ArtifactStore, cursor: str) -> object:
    return _listing(store, latest)(limit=_PAGE, sort=sort, after=cursor)


def _middle(latest: bool, sort: Any, store: ArtifactStore, dataset: Dataset) -> Sequence[Any]:
    """Return cursors that continue in the middle of the listing."""
    half = (dataset.keys if latest else dataset.size) // 2
    page: Any = _listing(store, latest)(offset=half, limit=1, sort=sort)
    return [page.cursor] * 5


def _spread(
    make: Callable[[Dataset, int], Any], store: ArtifactStore, dataset: Dataset
) -> Sequence[Any]:
    """Return what is read, from all over the store."""
    return [make(dataset, number * 7919 % dataset.size) for number in range(_POINTS)]


def _key(dataset: Dataset, number: int) -> str:
    return dataset.key(dataset.place(number)[0])


def _ref(dataset: Dataset, number: int) -> str:
    index, version = dataset.place(number)
    return f"{dataset.key(index)}@{version}"


def _operations() -> Iterator[Operation]:
    yield (
        "read by id",
        lambda store, key: store.read_artifact(key),
        partial(_spread, Dataset.artifact_id),
    )
    yield "read latest", lambda store, key: store.read_latest_artifact(key), partial(_spread, _key)
    yield "read version", lambda store, ref: store.read_artifact_ref(ref), partial(_spread, _ref)
    for latest, sorts in ((False, ArtifactSort), (True, ArtifactCollectionSort)):
        for sort in sorts:
            name = f"{'latest' if latest else 'all'}, {sort.name}"
            yield f"first page, {name}", partial(_first_page, latest, sort), lambda *_: [None] * 5
            yield (
                f"keyset page, {name}",
                partial(_next_page, latest, sort),
                partial(_middle, latest, sort),
            )


def _timed(operation: Callable[[Any], object], arguments: Sequence[Any], _: int) -> float:
    return seconds_per_call(operation, arguments)


def _growth(
    stores: dict[int, ArtifactStore], engine: str, wanted: Wanted, rounds: int
) -> Iterator[Line]:
    """Compare each operation in the larger stores with the same in the smallest."""
    for name, operation, arguments in _operations():
        if not wanted(name):
            continue
        ways = []
        for size, store in stores.items():
            given = arguments(store, Dataset(size))
            ways.append(partial(_timed, partial(operation, store), given))
        times = [each[1:] for each in in_turns(ways, rounds + 1)]
        for size, taken in list(zip(stores, times, strict=True))[1:]:
            yield compared(
                Line("growth", name, engine, 0, 2, size=size, base=min(stores)), taken, times[0]
            )


def _names() -> Iterator[tuple[str, str]]:
    """Return what can be asked for here, so that nothing is filled when nothing is wanted."""
    yield from (("growth", name) for name, *_ in _operations())
    for name in ("run by tag", "flow by name", *SHARES):
        yield "related", name
    yield from (("care", name) for name in ("computed query", "verify", "memory"))


def _related(
    store: ArtifactStore, size: int, engine: str, wanted: Wanted, rounds: int
) -> Iterator[Line]:
    """Compare the first page of what a filter on runs finds with the first page of everything."""
    for share in SHARES:
        names = (
            list(SHARES)
            if share == "everything"
            else [each for each in SHARES if each in (share, _within(share))]
        )
        filters = {
            "run by tag": {"flow_run_filter": FlowRunFilter(tags={"all_": [share]})},
            "flow by name": {"flow_filter": FlowFilter(name={"any_": names})},
        }
        for latest, sorts in ((False, ArtifactSort), (True, ArtifactCollectionSort)):
            for sort in (sorts.ID_DESC, sorts.CREATED_DESC):
                for by, given in filters.items():
                    name = f"{by}, {share}, {'latest' if latest else 'all'}, {sort.name}"
                    if wanted(name):
                        yield _filtered(
                            store,
                            size,
                            engine,
                            name,
                            partial(_listing(store, latest), sort=sort),
                            given,
                            rounds,
                        )


def _within(share: str) -> str:
    """Return the share that lies within another one: a run belongs to one flow, that of its smallest share."""
    return "the oldest 0.4 %" if share == "the oldest 11 %" else ""


def _filtered(
    store: ArtifactStore,
    size: int,
    engine: str,
    name: str,
    listing: Any,
    given: dict[str, Any],
    rounds: int,
) -> Line:
    slow = seconds_per_call(lambda _: listing(limit=_PAGE, **given), [None]) > 0.5
    calls = 1 if slow else 3
    ways = [
        lambda _: seconds_per_call(lambda _: listing(limit=_PAGE, **given), [None] * calls),
        lambda _: seconds_per_call(lambda _: listing(limit=_PAGE), [None] * calls),
    ]
    line = Line("related", name, engine, 0, 60 if "oldest" in name else 15, size=size)
    return compared(line, *in_turns(ways, 7 if slow else rounds))


_FORMS = {
    "MAX and GROUP BY": "SELECT key, MAX(version) FROM artifact WHERE key IS NOT NULL GROUP BY key",
    "ROW_NUMBER": "SELECT key, version FROM (SELECT key, version, ROW_NUMBER() OVER (PARTITION BY key ORDER BY version"
    " DESC) AS place FROM artifact WHERE key IS NOT NULL) AS numbered WHERE place = 1",
    "NOT EXISTS": "SELECT key, version FROM artifact a WHERE key IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM artifact b WHERE b.key = a.key AND b.version > a.version)",
    "a probe for each key": "WITH RECURSIVE k (key) AS (SELECT MIN(key) FROM artifact UNION ALL SELECT"
    " (SELECT MIN(key) FROM artifact WHERE key > k.key) FROM k WHERE k.key IS NOT NULL) SELECT key,"
    " (SELECT MAX(version) FROM artifact WHERE artifact.key = k.key) FROM k WHERE key IS NOT NULL",
}
_FORMS_OF = {
    "sqlite": {},
    "postgresql": {
        "DISTINCT ON": "SELECT DISTINCT ON (key) key, version FROM artifact WHERE key IS NOT NULL"
        " ORDER BY key, version DESC",
    },
}
"""What somebody would write by hand to find the greatest version of each key."""


def _computed(store: ArtifactStore, url: str, size: int, engine: str, rounds: int) -> Line:
    """Compare the computed query with the quickest of the hand-written forms."""
    from artifact_store.artifacts import latest

    from .operations import bare_side

    bare = bare_side(engine, url)
    database = store._engine.database
    sql, values = database.get_sql_context().sql(latest.greatest_versions()).query()
    assert not values
    sql = sql.strip().removesuffix(' AS "greatest"').removeprefix("(").removesuffix(")")
    forms = {**_FORMS, **_FORMS_OF[engine]}
    once = {name: seconds_per_call(bare.rows, [form]) for name, form in forms.items()}
    best = min(once, key=lambda name: once[name])
    ways = [
        lambda _: seconds_per_call(bare.rows, [sql]),
        lambda _: seconds_per_call(bare.rows, [forms[best]]),
    ]
    line = Line("care", f"computed query, against {best}", engine, 0, 1.3, size=size)
    line = compared(line, *in_turns(ways, rounds))
    bare.close()
    return line


_ITERATION = """
import sys
from pathlib import Path
from artifact_store import ArtifactStore
with ArtifactStore(sys.argv[1]) as store:
    number = sum(1 for _ in store.iter_artifacts())
# Not getrusage, which counts what the parent held when it started this process.
peak = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print(number, int(peak[0].split()[1]) / 1024)
"""


def _care(
    store: ArtifactStore, url: str, size: int, engine: str, wanted: Wanted, rounds: int
) -> Iterator[Line]:
    """Measure what reads the whole store."""
    if wanted("computed query"):
        yield _computed(store, url, size, engine, min(rounds, 7))
    if wanted("verify"):
        start = perf_counter()
        assert store.verify() == []
        yield Line("care", "verify()", engine, perf_counter() - start, 30, "s", size=size)
    if wanted("memory") and sys.platform == "linux":
        child = [sys.executable, "-c", _ITERATION, url]
        number, megabytes = subprocess.run(
            child, check=True, capture_output=True, text=True
        ).stdout.split()
        assert int(number) == size
        yield Line(
            "care",
            "memory of iterating all artifacts",
            engine,
            float(megabytes),
            120,
            "MB",
            size=size,
        )


def measured(
    places: Places, engine: str, sizes: Sequence[int], wanted: Callable[[str], Wanted], rounds: int
) -> Iterator[Line]:
    """Measure stores of several sizes on an engine; the smallest is what the others are held against."""
    if not any(wanted(section)(name) for section, name in _names()):
        return
    urls = {size: places.filled(engine, size) for size in sorted(sizes)}
    stores = {size: ArtifactStore(url) for size, url in urls.items()}
    yield from _growth(stores, engine, wanted("growth"), rounds)
    for size in list(urls)[1:] or urls:
        yield from _related(stores[size], size, engine, wanted("related"), rounds)
        yield from _care(stores[size], urls[size], size, engine, wanted("care"), rounds)
    for store in stores.values():
        store.close()
    for url in urls.values():
        places.remove(url)
