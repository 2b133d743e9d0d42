"""How the time of a lineage question grows with the store."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from artifact_store import ArtifactStore

from . import bare_postgresql, bare_sqlite
from .dataset import COLUMNS, START, Dataset, Row
from .measure import Line, compared, in_turns, seconds_per_call
from .places import Places

__all__ = ["measured"]

_PER_RUN = 10  # artifacts
_INPUTS = 30  # of a run
_RUNS = 10  # of a pipeline
_POINTS = 20
_LINEAGE_COLUMNS = {
    **COLUMNS,
    "artifact_input": (
        "run_id", "ref", "flow_run_id", "artifact_id", "key", "version", "source_run_id", "source_created", "held",
        "used",
    ),
}  # fmt: skip


class Pipelines(Dataset):
    """Artifacts of pipelines of ten runs; each run uses thirty artifacts of the runs before it."""

    def __init__(self, size: int) -> None:
        """Take the size."""
        super().__init__(size)
        self.runs = size // _PER_RUN

    def rows(self, table: str) -> Iterator[Row]:
        """Make the rows of a table."""
        makers = {
            "artifact": self._results,
            "artifact_collection": lambda: iter(()),
            "artifact_input": self._inputs,
        }
        return makers[table]() if table in makers else super().rows(table)

    def _results(self) -> Iterator[Row]:
        for number in range(self.size):
            created = START + timedelta(seconds=number)
            run = self.run_id(number // _PER_RUN)
            key, version = f"result-{number}", 1
            yield (
                self.artifact_id(number), key, version, "result", None, "{}", run, None, created, created, "1",
            )  # fmt: skip

    def _inputs(self) -> Iterator[Row]:
        for run in range(self.runs):
            used = START + timedelta(seconds=run * _PER_RUN)
            for number in range(_INPUTS):
                source = self._source(run, number)
                run_id = self.run_id(run)
                if source is None:  # the first run of a pipeline uses what was deleted since
                    gone = self.id(9, run * _INPUTS + number)
                    yield (
                        run_id,
                        f"gone@{number}",
                        run_id,
                        gone,
                        "gone",
                        number,
                        None,
                        START,
                        False,
                        used,
                    )
                    continue
                made_by = self.run_id(source // _PER_RUN)
                created = START + timedelta(seconds=source)
                yield (
                    run_id, f"result-{source}@{number}", run_id, self.artifact_id(source), f"result-{source}", 1,
                    made_by, created, False, used,
                )  # fmt: skip

    def _source(self, run: int, number: int) -> int | None:
        """Return the number of an artifact that a run uses."""
        before = min(run % _RUNS, 3)
        if not before:
            return None
        return (run - 1 - number % before) * _PER_RUN + number // 3

    def ends(self, direction: str) -> list[Any]:
        """Return ids at which lineages begin, from all over the store: the last of a pipeline, or the first."""
        pipelines = self.size // (_PER_RUN * _RUNS)
        offset = _PER_RUN * _RUNS - 1 if direction == "up" else 0
        numbers = [point * 7919 % pipelines for point in range(_POINTS)]
        return [self.artifact_id(each * _PER_RUN * _RUNS + offset) for each in numbers]


def _filled(places: Places, engine: str, size: int) -> str:
    """Return the URL of a new store of so many artifacts, with three inputs for each."""
    url = places.new(engine)
    ArtifactStore(url).close()
    if engine == "sqlite":
        path = url.removeprefix("sqlite:///")
        bare_sqlite.load(path, Pipelines(size), _LINEAGE_COLUMNS)
    else:
        bare_postgresql.load(url, Pipelines(size), _LINEAGE_COLUMNS)
    return url


def _timed(store: ArtifactStore, direction: str, ids: list[Any], _: int) -> float:
    def ask(artifact_id: Any) -> None:
        lineage = store.lineage(artifact_id, direction=direction)  # type: ignore[arg-type]
        assert lineage.complete
        assert len(lineage.nodes) > 90

    return seconds_per_call(ask, ids)


def measured(
    places: Places, engine: str, sizes: list[int], wanted: Callable[[str], bool], rounds: int
) -> Iterator[Line]:
    """Compare lineage questions in stores of several sizes with the same in the smallest."""
    if not wanted("lineage"):
        return
    urls = {size: _filled(places, engine, size) for size in sizes}
    stores = {size: ArtifactStore(url) for size, url in urls.items()}
    for direction in ("up", "down"):
        ways = [
            partial(_timed, store, direction, Pipelines(size).ends(direction))
            for size, store in stores.items()
        ]
        times = [each[1:] for each in in_turns(ways, rounds + 1)]
        for size, taken in list(zip(stores, times, strict=True))[1:]:
            line = Line("growth", f"lineage, {direction}", engine, 0, 2, size=size, base=sizes[0])
            yield compared(line, taken, times[0])
    for size, store in stores.items():
        store.close()
        places.remove(urls[size])
