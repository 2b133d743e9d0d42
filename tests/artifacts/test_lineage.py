"""Lineage: examples, what is refused, bounds, and how it is shown."""

from typing import Any

import pytest

from artifact_store import ArtifactNotFound, ArtifactStore, InvalidQuery, Lineage, LineageNode
from artifact_store.artifacts import lineage as module
from tests.artifacts.test_openlineage import check


@pytest.fixture
def made(store: ArtifactStore) -> ArtifactStore:
    """A store of four steps: raw, clean and side, model, report; clean is gone."""
    store.create_artifact(key="raw", data=1)
    with store.flow_run("etl", run_name="night") as run:
        store.create_artifact(key="before", data=1)
        run.use("raw")
        store.create_artifacts([{"key": "clean"}, {"key": "side"}])
    with store.task_run("train") as task:
        task.use("clean")
        store.create_artifact(key="model")
    with store.flow_run("report", run_name="monday") as run:
        for ref in ("model", "clean@latest", "clean@1"):
            run.use(ref)
        store.create_artifact(key="report")
    store.delete_artifact("clean@1")
    return store


def edges_of(lineage: Lineage) -> list[tuple[str, str]]:
    return [(edge.source, edge.target) for edge in lineage.edges]


def test_up(made: ArtifactStore) -> None:
    lineage = made.lineage("report")
    assert [(node.ref, node.gone, node.depth) for node in lineage.nodes] == [
        ("report@1", False, 0),
        ("clean@1", True, 1),
        ("model@1", False, 1),
        ("raw@1", False, 2),
    ]
    assert [(node.flow, node.run) for node in lineage.nodes] == [
        ("report", "monday"),
        ("etl", "night"),
        (None, "train"),
        (None, None),
    ]
    assert edges_of(lineage) == [
        ("clean@1", "report@1"),
        ("model@1", "report@1"),
        ("raw@1", "clean@1"),
        ("clean@1", "model@1"),
    ]
    assert lineage.edges[0].asked == ("clean@1", "clean@latest")
    assert lineage.nodes[0].id == made.get("report").id
    assert repr(lineage) == "<Lineage up from report@1: 3 artifacts, 4 edges>"


def test_down(made: ArtifactStore) -> None:
    lineage = made.lineage("raw", direction="down")
    assert [node.ref for node in lineage.nodes] == [
        "raw@1",
        "clean@1",
        "side@1",
        "model@1",
        "report@1",
    ]
    assert edges_of(lineage)[:2] == [("raw@1", "clean@1"), ("raw@1", "side@1")]
    assert len(lineage.edges) == 5
    assert made.lineage("before", direction="down").edges == ()
    assert made.lineage("report", direction="down").nodes == made.lineage("report").nodes[:1]


@pytest.mark.parametrize(
    ("ref", "direction", "depth", "refs"),
    [
        ("report", "up", 1, ["report@1", "clean@1", "model@1"]),
        ("report", "up", 2, ["report@1", "clean@1", "model@1", "raw@1"]),
        ("raw", "down", 1, ["raw@1", "clean@1", "side@1"]),
        ("raw", "down", 9, ["raw@1", "clean@1", "side@1", "model@1", "report@1"]),
    ],
)
def test_depth(made: ArtifactStore, ref: str, direction: Any, depth: int, refs: list[str]) -> None:
    lineage = made.lineage(ref, direction=direction, depth=depth)
    assert [node.ref for node in lineage.nodes] == refs
    assert lineage.complete


def test_from_a_version_that_is_gone(made: ArtifactStore) -> None:
    [clean] = [node for node in made.lineage("report").nodes if node.gone]
    for ref in ("clean@1", clean.id, str(clean.id)):
        lineage = made.lineage(ref, direction="down")
        assert lineage.ref == "clean@1"
        assert [(node.ref, node.gone) for node in lineage.nodes] == [
            ("clean@1", True),
            ("model@1", False),
            ("report@1", False),
        ]
        assert edges_of(made.lineage(ref)) == [("raw@1", "clean@1")]


def test_what_was_never_used_is_not_found_once_it_is_gone(made: ArtifactStore) -> None:
    side = made.get("side")
    made.delete_artifact(side)
    for ref in ("side@1", side, side.id, "side", "clean", "clean@2", "clean@prod"):
        with pytest.raises(ArtifactNotFound):
            made.lineage(ref)


def test_without_a_key(store: ArtifactStore) -> None:
    loose = store.create_artifact(data=1)
    with store.flow_run("etl") as run:
        run.use(loose)
        made = store.create_artifact(data=2)
    assert edges_of(store.lineage(made)) == [(str(loose.id), str(made.id))]
    assert edges_of(store.lineage(loose.id, direction="down")) == [(str(loose.id), str(made.id))]


def test_in_a_snapshot_it_is_that_of_the_moment(made: ArtifactStore, url: str) -> None:
    with made.snapshot():
        before = made.lineage("report")
        with ArtifactStore(url) as other:
            other.delete_artifacts(everything=True)
        assert made.lineage("report") == before
    with pytest.raises(ArtifactNotFound, match="There is no artifact 'report'"):
        made.lineage("report")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"direction": "left"}, "Invalid direction 'left': expected 'up' or 'down'."),
        ({"depth": 0}, "Invalid depth 0: expected a number of steps from 1 to 1,000,000, or None."),
        ({"depth": True}, "Invalid depth True"),
        ({"depth": 10**7}, "Invalid depth 10000000"),
        ({"ref": "a b"}, "Invalid reference"),
    ],
)
def test_what_is_refused(store: ArtifactStore, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidQuery, match=message):
        store.lineage(**{"ref": "sales", **arguments})
    with pytest.raises(InvalidQuery, match=r"pass what store\.lineage returns"):
        store.read_openlineage("sales")  # type: ignore[arg-type]


def wide(store: ArtifactStore, width: int) -> None:
    """A run that uses so many artifacts and publishes so many."""
    store.create_artifacts({"key": f"in/{n:03}"} for n in range(width))
    with store.flow_run("wide") as run:
        for number in range(width):
            run.use(f"in/{number:03}")
        store.create_artifacts({"key": f"out/{n:03}"} for n in range(width))


def test_what_is_too_large_is_cut_off_and_says_so(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide(store, 60)
    assert len(store.lineage("out/001").nodes) == 61
    assert len(store.lineage("in/001", direction="down").nodes) == 61
    monkeypatch.setattr(module, "_MOST_ROWS", 50)
    monkeypatch.setattr(module, "_MOST_WAYS", 1)
    for ref, direction in (("out/001", "up"), ("in/001", "down")):
        for depth in (None, 1):
            lineage = store.lineage(ref, direction=direction, depth=depth)  # type: ignore[arg-type]
            assert not lineage.complete
            assert 50 < len(lineage.nodes) <= 52
            assert "and more" in repr(lineage)
            assert lineage.notes()[0].startswith("There is more: only 5")


def test_many_edges_are_cut_off(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    wide(store, 30)
    with store.flow_run("last") as run:
        for number in range(30):
            run.use(f"out/{number:03}")
        store.create_artifact(key="end")
    assert len(store.lineage("end").edges) == 30 + 30 * 30
    monkeypatch.setattr(module, "_MOST_EDGES", 100)
    lineage = store.lineage("end")
    assert not lineage.complete
    assert len(lineage.edges) == 30 + 3 * 30


def test_the_tree(made: ArtifactStore) -> None:
    [text, *others] = made.lineage("report").blocks()
    assert others == []
    assert text.text.splitlines() == [  # type: ignore[union-attr]
        "report@1  report/monday",
        "├── clean@1  etl/night  gone",
        "│   └── raw@1",
        "└── model@1  train",
        "    └── clean@1  etl/night  gone  (above)",
    ]
    assert "report/monday" in made.lineage("report")._repr_html_()
    assert "clean@1  etl/night  gone" in made.lineage("report").to_markdown()


def test_a_tree_that_is_deep_says_where_it_goes_on(store: ArtifactStore) -> None:
    store.create_artifact(key="step", data=0)
    for number in range(60):
        with store.flow_run("etl") as run:
            store.create_artifact(key="step", data=run.use("step").data + number)
    lineage = store.lineage("step")
    assert len(lineage.nodes) == 61
    lines = list(lineage.tree())
    assert len(lines) == 21
    assert lines[-1].remarks[-1] == "…"
    assert lineage.notes() == [
        "What is marked with … goes on: ask for the lineage of that artifact."
    ]


def test_what_was_too_deep_to_be_shown_is_shown_where_it_is_not(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artifact_store.schemas.lineage._MOST_LEVELS", 3)
    store.create_artifact(key="raw")
    for key, refs in {"z": ["raw"], "b": ["z"], "a": ["b"], "all": ["a", "z"]}.items():
        with store.flow_run(key) as run:
            for ref in refs:
                run.use(ref)
            store.create_artifact(key=key)
    shown = [(line.node.ref, line.remarks[1:]) for line in store.lineage("all").tree()]
    assert shown == [
        ("all@1", ()),
        ("a@1", ()),
        ("b@1", ()),
        ("z@1", ("…",)),
        ("z@1", ()),
        ("raw@1", ()),
    ]


def test_a_tree_shows_once_what_many_were_made_from(store: ArtifactStore) -> None:
    wide(store, 5)
    with store.flow_run("second") as run:
        for number in range(5):
            run.use(f"out/{number:03}")
        store.create_artifact(key="all")
    lines = list(store.lineage("all").tree())
    assert [line.node.ref for line in lines[1:7]] == ["out/000@1"] + [
        f"in/{n:03}@1" for n in range(5)
    ]
    others = [(line.node.ref, line.remarks[-1]) for line in lines[7:]]
    assert others == [(f"out/{n:03}@1", "(as out/000@1)") for n in range(1, 5)]


def test_a_long_tree_is_cut_off_and_says_so(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide(store, 5)
    lineage = store.lineage("out/000")
    assert (len(list(lineage.tree())), lineage.notes()) == (6, [])
    monkeypatch.setattr("artifact_store.schemas.lineage._MOST_LINES", 5)
    assert len(list(lineage.tree())) == 5
    assert lineage.notes() == ["… and more: the tree ends after 5 lines, and there are 5 edges."]
    assert "… and more" in lineage.to_markdown()


def test_nodes_of_a_circle_are_there_once() -> None:
    """A tree of edges in a circle, as clocks that differ may make it, ends."""
    from artifact_store import LineageEdge
    from artifact_store.clock import new_id, now

    run = new_id()
    nodes = [
        LineageNode(f"{key}@1", False, n, new_id(), key, 1, now(), run)
        for n, key in enumerate("ab")
    ]
    edges = [LineageEdge(f"{a}@1", f"{b}@1", run, (f"{a}@1",), now()) for a, b in ("ab", "ba")]
    lines = list(Lineage("a@1", "up", tuple(nodes), tuple(edges)).tree())
    assert [line.node.ref for line in lines] == ["a@1", "b@1", "a@1"]
    assert lines[-1].remarks[-1] == "(above)"


def test_hostile_names_are_shown_and_not_obeyed(store: ArtifactStore) -> None:
    store.create_artifact(key="raw")
    with store.flow_run("<script>alert(1)</script>", run_name="\x1b[31m`x`") as run:
        run.use("raw")
        store.create_artifact(key="made")
    lineage = store.lineage("made")
    assert "<script>" not in lineage._repr_html_()
    assert "\x1b" not in lineage.to_markdown()


def test_openlineage(made: ArtifactStore) -> None:
    events = check(made.read_openlineage(made.lineage("report")))  # type: ignore[arg-type]
    runs = [each for each in events if "job" in each]
    assert [(each["job"]["name"], each["eventType"]) for each in runs] == [
        ("etl", "START"), ("etl", "COMPLETE"), ("train", "START"), ("train", "COMPLETE"),
        ("report", "START"), ("report", "COMPLETE"),
    ]  # fmt: skip
    last = runs[-1]
    assert [each["name"] for each in last["inputs"]] == ["clean", "model"]
    assert [each["name"] for each in last["outputs"]] == ["report"]
    assert [each["dataset"]["name"] for each in events if "dataset" in each] == ["raw"]
