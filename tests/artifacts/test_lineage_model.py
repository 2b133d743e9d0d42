"""The lineage of a thousand random graphs, against a model in plain Python, on each engine."""

import random
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from artifact_store import Artifact, ArtifactStore, Lineage
from tests.helpers.bare import bare
from tests.helpers.inputs import add_input

GRAPHS = 1_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
BOTH = ("up", "down")


class Use(NamedTuple):
    """A use of an artifact by a run."""

    run: UUID
    source: str
    asked: str
    used: datetime


class Graph:
    """Artifacts, the runs that made them, and what these runs used, at random instants."""

    def __init__(self, number: int) -> None:
        choose = random.Random(number)
        self.choose = choose
        self.flow_runs = [UUID(int=choose.getrandbits(128)) for _ in range(choose.randint(1, 5))]
        self.task_runs = [UUID(int=choose.getrandbits(128)) for _ in range(choose.randint(0, 2))]
        runs = [*self.flow_runs, *self.task_runs]
        names = [f"graph-{number}/{each}" for each in range(choose.randint(2, 12))]
        self.run_of = {name: choose.choice([*runs, None]) for name in names}
        # Few instants, so that some are equal, in any order, so that there are circles.
        self.created = {name: self.instant() for name in names}
        self.gone = {name for name in names[1:] if choose.random() < 0.3}
        self.uses: list[Use] = []
        for run in runs:
            for name in choose.sample(names, choose.randint(0, len(names))):
                for asked in choose.choice([["latest"], ["1"], ["1", "latest"]]):
                    self.uses.append(Use(run, name, f"{name}@{asked}", self.instant()))

    def instant(self) -> datetime:
        """Return one of a few instants."""
        return BEGIN + timedelta(seconds=self.choose.randrange(12))

    def fields(self, name: str) -> dict[str, object]:
        """Return what is created of an artifact."""
        run = self.run_of[name]
        kind = "flow_run_id" if run in self.flow_runs else "task_run_id"
        return {"key": name} if run is None else {"key": name, kind: run}

    def steps(self, name: str, direction: str) -> list[tuple[str, Use]]:
        """Return the artifacts one step from another, each with the use on which the step rests."""
        found = []
        for use in self.uses:
            if direction == "up" and self.run_of[name] == use.run:
                source, target = use.source, name
            elif direction == "down" and use.source == name:
                found += self.results(use)
                continue
            else:
                continue
            if source != target and use.used <= self.created[target]:
                found.append((source, use))
        return found

    def results(self, use: Use) -> list[tuple[str, Use]]:
        """Return what a run made after a use. What is gone is known only if something used it."""
        known = self.created.keys() - (self.gone - {each.source for each in self.uses})
        return [
            (name, use)
            for name in known
            if self.run_of[name] == use.run
            and use.source != name
            and use.used <= self.created[name]
        ]

    def expected(
        self, root: str, direction: str, depth: int | None
    ) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
        """Return the nodes and the edges of a lineage."""
        depths = {root: 0}
        uses_of_edge: dict[tuple[str, str, UUID], list[Use]] = {}
        waiting = deque([root])
        while waiting:
            name = waiting.popleft()
            if depths[name] == depth:
                continue
            for other, use in self.steps(name, direction):
                if other not in depths:
                    depths[other] = depths[name] + 1
                    waiting.append(other)
                source, target = (other, name) if direction == "up" else (name, other)
                uses_of_edge.setdefault((source, target, use.run), []).append(use)

        nodes = {
            (f"{name}@1", name in self.gone, steps, self.created[name], self.run_of[name])
            for name, steps in depths.items()
        }
        edges = {
            (
                f"{source}@1",
                f"{target}@1",
                run,
                tuple(sorted(use.asked for use in uses)),
                min(use.used for use in uses),
            )
            for (source, target, run), uses in uses_of_edge.items()
        }
        return nodes, edges


def parts_of(
    lineage: Lineage,
) -> tuple[set[tuple[object, ...]], set[tuple[object, ...]]]:
    """Return the nodes and the edges of a lineage, each of which is there once."""
    nodes = {(each.ref, each.gone, each.depth, each.created, each.run_id) for each in lineage.nodes}
    edges = {
        (each.source, each.target, each.run_id, tuple(sorted(each.asked)), each.used)
        for each in lineage.edges
    }
    assert len(nodes) == len(lineage.nodes)
    assert len(edges) == len(lineage.edges)
    return nodes, edges


def write(store: ArtifactStore, graphs: list[Graph]) -> None:
    """Write the artifacts and the uses of some graphs, and delete what is gone."""
    fields = [graph.fields(name) for graph in graphs for name in graph.created]
    made: dict[str, Artifact] = {str(each.key): each for each in store.create_artifacts(fields)}
    created = {name: at for graph in graphs for name, at in graph.created.items()}
    set_times = (
        f"UPDATE artifact SET created = '{at:%Y-%m-%dT%H:%M:%S.%f+00:00}' WHERE key = '{name}'"
        for name, at in created.items()
    )
    bare(store.url, *set_times)

    with store.atomic():
        for graph in graphs:
            for use in graph.uses:
                source = made[use.source].model_copy(update={"created": created[use.source]})
                kind = "flow_run" if use.run in graph.flow_runs else "task_run"
                add_input(store, source, use.asked, used=use.used, **{kind: use.run})
    gone = [f"DELETE FROM artifact WHERE key = '{name}'" for each in graphs for name in each.gone]
    bare(store.url, *gone)


def test_lineage_is_that_of_the_model(store_url: str) -> None:
    graphs = [Graph(number) for number in range(GRAPHS)]
    sizes = []
    with ArtifactStore(store_url) as store:
        write(store, graphs)
        for number, graph in enumerate(graphs):
            # What is gone can be asked for if something used it.
            used = {use.source for use in graph.uses}
            names = [name for name in graph.created if name not in graph.gone - used]
            for direction in BOTH:
                root = graph.choose.choice(names)
                depth = graph.choose.choice([None, None, 1, 2, 3, 10])
                lineage = store.lineage(f"{root}@1", direction=direction, depth=depth)  # type: ignore[arg-type]
                found = parts_of(lineage)
                assert found == graph.expected(root, direction, depth), (number, root, depth)
                assert lineage.complete
                assert lineage.nodes[0].ref == lineage.ref == f"{root}@1"
                assert {line.node for line in lineage.tree()} == set(lineage.nodes)
                assert sum(1 for _ in lineage.tree()) <= 1 + len({each[:2] for each in found[1]})
                sizes.append(len(lineage.nodes))
    assert max(sizes) > 8, "there are large ones"
    assert sum(size > 3 for size in sizes) > GRAPHS / 4
