"""The history of a key: series of numbers, which there are, and the context of an artifact, on each engine."""

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifact_store import (
    Artifact,
    ArtifactContext,
    ArtifactHistory,
    ArtifactStore,
    InvalidQuery,
    Point,
)
from artifact_store.tables.profile import profile_table
from tests.helpers.artifacts import statements

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8
)
SCALARS = st.none() | st.booleans() | st.text(max_size=3).filter(lambda text: "\0" not in text)


def create(store: ArtifactStore, key: str, *many: Any, **fields: Any) -> list[Artifact]:
    return store.create_artifacts({"key": key, "data": data, **fields} for data in many)


def values(points: list[Point]) -> list[float]:
    return [point.value for point in points]


def test_each_kind_of_number(store: ArtifactStore) -> None:
    create(store, "load", 10, 55.5, "text", True, None, 100, type="progress")
    assert [(point.version, point.value) for point in store.read_series("load")] == [
        (1, 10),
        (2, 55.5),
        (6, 100),
    ]
    store.create_artifact(
        key="model", data={"accuracy": 0.5, "name": "a", "a.b": 1}, metadata={"loss": 2, "ok": True}
    )
    store.create_artifact(
        key="model", data={"accuracy": 0.75}, metadata={"loss": 1.5, "data": 3, "rows": 4}
    )
    assert values(store.read_series("model", "data.accuracy")) == [0.5, 0.75]
    assert values(store.read_series("model", "data.a.b")) == [1]
    assert (
        values(store.read_series("model", "metadata.loss"))
        == values(store.read_series("model", "loss"))
        == [2, 1.5]
    )
    assert values(store.read_series("model", "metadata.data")) == [3]
    assert values(store.read_series("model", "metadata.rows")) == [4]


def test_a_point_has_the_time_of_its_version(store: ArtifactStore) -> None:
    made = create(store, "load", 1, 2)
    points = store.read_series("load", "data")
    assert points == [Point(each.version, each.created, each.data) for each in made]
    assert all(point.created.tzinfo is made[0].created.tzinfo for point in points)
    assert points == [tuple(point) for point in points]


def test_rows_are_known_from_the_profile_or_counted(store: ArtifactStore) -> None:
    rows = [{"a": 1}] * 3
    many = [rows, {"a": [1, 2]}, json.dumps(rows), [["a"], [1]], "text", 12]
    for data in many:
        store.create_artifact(key="t", type="table", data=data)
    store.create_artifact(key="t", type="table", data=rows, profile=profile_table(rows * 3))
    store.create_artifact(key="t", data=rows)
    large = store.create_artifact(key="t", type="table", data=[{"a": "x" * 90}] * 1000)
    assert [(point.version, point.value) for point in store.read_series("t", "rows")] == [
        (1, 3), (2, 2), (3, 3), (4, 1), (7, 9), (large.version, 1000)
    ]  # fmt: skip
    # What is not asked for by name is not read when it is large.
    assert values(store.read_trends(["t"])["t"]) == [3, 2, 3, 1, 9]
    assert [breach.key for breach in store.repair()] == [
        "t@7"
    ]  # its profile was to tell something else


def test_the_newest_points_are_returned(store: ArtifactStore) -> None:
    store.create_artifacts(
        {"key": "k", "metadata": {"loss": n} if n % 3 == 0 else None} for n in range(300)
    )
    assert values(store.read_series("k", "loss", limit=3)) == [291, 294, 297]
    assert values(store.read_series("k", "loss")) == list(range(0, 300, 3))
    assert store.read_series("k", "loss", limit=0) == store.read_series("k", limit=0) == []
    create(store, "large", *({"x": n, "more": "y" * 100} for n in range(45)))
    assert values(store.read_series("large", "data.x")) == list(range(45))


def test_what_cannot_be_asked(store: ArtifactStore) -> None:
    create(store, "model", {"accuracy": 1}, metadata={"loss": 2})
    create(store, "note", "text")
    for key, field, message in [
        (
            "model",
            "los",
            "model has no number called 'los': use one of metadata.loss, data.accuracy.",
        ),
        (
            "model",
            "rows",
            "model has no number called 'rows': use one of metadata.loss, data.accuracy.",
        ),
        ("note", "data", "note has no number called 'data': its versions carry none."),
        (
            "note",
            "",
            "Invalid field '': expected the name of a number, such as data, rows or metadata.loss.",
        ),
        (
            "note",
            7,
            "Invalid field 7: expected the name of a number, such as data, rows or metadata.loss.",
        ),
    ]:
        with pytest.raises(InvalidQuery) as caught:
            store.read_series(key, field)  # type: ignore[arg-type]
        assert str(caught.value) == message
    for call in (
        lambda: store.read_series("model", limit=-1),
        lambda: store.read_trends(["model"], limit=0),
    ):
        with pytest.raises(InvalidQuery, match="limit must be"):
            call()


def test_what_has_no_numbers(store: ArtifactStore) -> None:
    create(store, "note", "text")
    assert (
        store.read_series("note")
        == store.read_series("none", "loss")
        == store.read_series("no key!")
        == []
    )
    assert (
        store.series_fields("note")
        == store.series_fields("none")
        == store.series_fields("no key!")
        == []
    )
    assert store.read_trends(["note", "none", "no key!"]) == {"note": [], "none": [], "no key!": []}
    assert store.read_trends([]) == {}


def test_the_most_telling_number_comes_first(store: ArtifactStore) -> None:
    for n in range(1, 4):
        store.create_artifact(
            key="t", type="table", data=[{"a": 1}] * n, metadata={"seed": 7, "loss": 1 / n}
        )
    store.create_artifact(
        key="t", type="table", data=[{"a": 1}], metadata={"seed": 7, "loss": 0.1, "odd": 1}
    )
    assert store.series_fields("t") == ["metadata.loss", "rows", "metadata.seed", "metadata.odd"]
    assert (
        store.read_series("t")
        == store.read_series("t", "metadata.loss")
        == store.read_trends(["t"])["t"]
    )
    create(store, "load", 1, 2, metadata={"x": 1})
    assert store.series_fields("load")[0] == "data"


def test_a_number_that_no_float_holds_is_none(store: ArtifactStore) -> None:
    create(store, "huge", 10**400, 10**300, 5)
    assert (
        values(store.read_series("huge")) == values(store.read_series("huge", "data")) == [1e300, 5]
    )


def test_trends_of_many_keys_are_those_of_each(store: ArtifactStore) -> None:
    keys = [f"k{n}" for n in range(50)]
    store.create_artifacts({"key": keys[n % 50], "metadata": {"n": n}} for n in range(50 * 25))
    for version in (3, 24):
        gone = store.read_artifact_ref(f"k7@{version}")
        assert gone is not None
        store.delete_artifact(gone.id)
    trends = store.read_trends([*keys, *keys], limit=20)
    assert list(trends) == keys
    for key in keys:
        assert trends[key] == store.read_series(key, limit=20)
        assert len(trends[key]) == 20


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.dictionaries(NAMES, NUMBERS | SCALARS, max_size=4), min_size=1, max_size=5))
def test_series_say_what_the_artifacts_hold(
    store: ArtifactStore, many: list[dict[str, Any]]
) -> None:
    store.delete_artifacts(everything=True)
    made = create(store, "k", *many)

    def number(value: Any) -> float | None:
        return (
            None
            if isinstance(value, bool | str | None) or not math.isfinite(_float(value))
            else _float(value)
        )

    names = {name for each in many for name, value in each.items() if number(value) is not None}
    assert set(store.series_fields("k")) == {f"data.{name}" for name in names}
    for name in names:
        wanted = [(each.version, number(each.data.get(name))) for each in made]
        points = store.read_series("k", f"data.{name}")
        assert [(point.version, point.value) for point in points] == [
            pair for pair in wanted if pair[1] is not None
        ]
    assert store.read_trends(["k"])["k"] == store.read_series("k")


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


# --- The context of an artifact ---


def test_neighbours_are_those_that_there_are(store: ArtifactStore) -> None:
    made = create(store, "wind", 1, 2, 3, 4)
    store.delete_artifact(made[1].id)
    around = [store.read_surroundings(each) for each in (made[0], made[2], made[3])]
    assert [(each.ref, each.previous, each.next, each.latest) for each in around] == [
        ("wind@1", None, "wind@3", 4),
        ("wind@3", "wind@1", "wind@4", 4),
        ("wind@4", "wind@3", None, 4),
    ]
    assert all(each.field == "data" and values(list(each.series)) == [1, 3, 4] for each in around)
    store.delete_artifact(made[3].id)
    gone = store.read_surroundings(made[3])
    assert (gone.previous, gone.next, gone.latest) == ("wind@3", None, 3)


def test_an_artifact_on_its_own(store: ArtifactStore) -> None:
    alone = store.create_artifact(data=1, metadata={"loss": 1})
    assert store.read_surroundings(alone) == ArtifactContext(ref=str(alone.id))
    first = store.create_artifact(key="a", data="text")
    assert store.read_surroundings(first) == ArtifactContext(ref="a@1", latest=1)


def test_the_aliases_of_its_key(store: ArtifactStore) -> None:
    made = create(store, "wind", 1, 2, 3)
    aliases = tuple(store.set_alias(made[n], name) for n, name in ((2, "canary"), (1, "prod")))
    for artifact in made:
        assert store.read_surroundings(artifact).aliases == aliases
    store.delete_alias("wind", "prod")
    assert store.read_surroundings(made[2]).aliases == aliases[:1]
    store.undo_alias("wind", "canary")
    assert store.read_surroundings(made[2]).aliases == ()


def test_the_run_that_made_it(store: ArtifactStore) -> None:
    flow = store.create_flow("etl")
    flow_run = store.create_flow_run(flow.id, state_type="RUNNING")
    task_run = store.create_task_run(flow_run.id, name="load")
    both = store.create_artifact(key="a", flow_run_id=flow_run.id, task_run_id=task_run.id)
    task_alone = store.create_artifact(task_run_id=task_run.id)
    elsewhere = store.create_artifact(flow_run_id=flow.id, task_run_id=flow.id)
    for artifact in (both, task_alone):
        around = store.read_surroundings(artifact)
        assert (around.flow_run, around.flow, around.task_run) == (flow_run, flow, task_run)
    around = store.read_surroundings(elsewhere)
    assert (around.flow_run, around.flow, around.task_run) == (None, None, None)


def test_few_statements_are_asked(store: ArtifactStore) -> None:
    create(store, "load", 1, 2, 3)
    table = store.create_artifact(key="t", type="table", data=[{"a": 1}])
    assert len(statements(store, lambda: store.read_series("load", "data"))) == 1
    assert len(statements(store, lambda: store.read_series("load"))) == 2
    assert len(statements(store, lambda: store.read_trends(["load", "t", "none"]))) == 1
    assert len(statements(store, lambda: store.read_surroundings(table))) == 3
    newer = store.create_artifact(key="t", type="table", data=[{"a": 2}])
    assert len(statements(store, lambda: store.read_surroundings(newer))) == 4
    store.set_alias("load", "prod")
    assert len(statements(store, lambda: store.read_surroundings(newer))) == 4
    store.set_alias(newer, "prod")
    assert len(statements(store, lambda: store.read_surroundings(newer))) == 5


def test_a_history_joins_versions_runs_and_numbers(store: ArtifactStore) -> None:
    run = store.create_flow_run(store.create_flow("etl").id, name="night-1")
    for n in range(1, 5):
        metadata = None if n == 3 else {"loss": n}
        run_id = run.id if n == 4 else run.flow_id  # the second is of another system
        store.create_artifact(key="model", data="x" * n, metadata=metadata, flow_run_id=run_id)
    history = store.read_history("model")
    assert (history.field, history.complete) == ("metadata.loss", True)
    assert list(history.series) == store.read_series("model")
    assert [
        (each.artifact.ref, each.artifact.data, each.flow_run, each.value)
        for each in history.versions
    ] == [
        ("model@4", None, run, 4),
        ("model@3", None, None, None),
        ("model@2", None, None, 2),
        ("model@1", None, None, 1),
    ]
    newest = store.read_history("model", "loss", limit=2)
    assert (len(newest.versions), newest.field, newest.complete) == (2, "metadata.loss", False)
    assert store.read_history("model", limit=4).complete
    assert store.read_history("model", limit=2**63 - 1).complete
    assert store.read_history("model", limit=0) == ArtifactHistory((), "metadata.loss", (), False)
    assert store.read_history("none") == store.read_history("no key!") == ArtifactHistory()
    with pytest.raises(InvalidQuery, match="has no number called 'rows'"):
        store.read_history("model", "rows")
    create(store, "note", "text")
    assert [each.value for each in store.read_history("note").versions] == [None]


def test_a_history_runs_five_statements(store: ArtifactStore) -> None:
    flow = store.create_flow("etl")
    runs = [store.create_flow_run(flow.id) for _ in range(5)]
    for many in (10, 400):
        store.create_artifacts(
            {"key": "model", "metadata": {"n": n}, "flow_run_id": runs[n % 5].id}
            for n in range(many)
        )
        assert len(statements(store, lambda: store.read_history("model"))) == 5


def test_large_payloads_of_neighbours_are_not_read(store: ArtifactStore) -> None:
    rows = [{"text": "x" * 90, "n": n} for n in range(45_000)]
    profile = profile_table(rows)
    for _ in range(4):
        store.create_artifact(key="t", type="table", data=rows, profile=profile, metadata={"n": 1})
    last = store.create_artifact(key="t", type="table", data=[], profile=profile_table([]))
    answers: list[Any] = []
    taken = store._engine.query
    store._engine.query = lambda *asked: answers.append(taken(*asked)) or answers[-1]  # type: ignore[method-assign, func-returns-value]
    around = store.read_surroundings(last)
    del store._engine.query  # type: ignore[method-assign]
    assert around.changes[0] == "rows -45,000"
    assert values(list(around.series)) == [45_000] * 4 + [0]
    assert answers
    assert len(str(answers)) < 100_000, "a payload was read"
