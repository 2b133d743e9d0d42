"""Lists as operands, of one value or of 40,000."""

from typing import Any
from uuid import UUID

from artifact_store import (
    ArtifactFilter,
    ArtifactStore,
    FlowRunFilter,
    TaskRunFilter,
    WorkPoolFilter,
)
from tests.helpers.filters import Ask, each_kind, of_kind, operators


def test_any_with_one_value_with_many_and_with_one_twice(ask: Ask) -> None:
    made = {name: ask.make(name, type=name) for name in "abc"}
    for field, operand in (("key", str), ("type", str), (ask.id, lambda name: made[name].id)):
        assert (
            ask(**{field: {"any_": [operand("b")]}})
            == ask(**{field: {"any_": [operand("b")] * 2}})
            == ["b"]
        )
        assert ask(**{field: {"any_": [operand("c"), operand("a")]}}) == ["a", "c"]


def many(label: str) -> list[Any]:
    """40,000 operands for a field, none of which any row has."""
    if label == "version.any_":
        return [*range(10**6, 10**6 + 40_000)]
    if (
        "id" in label.split(".")[0].split("_") and label != "idempotency_key.any_"
    ) or label.endswith("id_"):
        return [UUID(int=number) for number in range(1, 40_001)]
    return [f"none-{number} 🙂" for number in range(40_000)]


@each_kind
def test_forty_thousand_operands(full: ArtifactStore, kind: Any) -> None:
    everything = of_kind(full, kind())
    for label, make in operators(kind, "any_", "not_any_", "all_", "id_", "type_"):
        of_states = kind in (FlowRunFilter, TaskRunFilter) and label.startswith("type.")
        operands = ["CANCELLING"] * 40_000 if of_states else many(label)
        assert of_kind(full, make(operands)) == (
            everything if label.endswith("not_any_") else []
        ), label


def test_forty_thousand_operands_and_the_one(ask: Ask, full: ArtifactStore) -> None:
    artifact = full.read_latest_artifact("full")
    assert artifact is not None
    assert ask(**{ask.id: {"any_": [*many("id"), artifact.id]}}) == ["full"]
    assert (
        ask(key={"any_": [*many("key"), "full"]})
        == ask(flow_run_id={"any_": [artifact.flow_run_id, *many("id")]})
        == ["full"]
    )
    assert ask(type={"any_": [*many("type"), "table"]}) == ["full", "outer"]
    assert "table" not in {
        each.type
        for each in full.read_artifacts(
            artifact_filter=ArtifactFilter(type={"not_any_": [*many("type"), "table"]})
        )
    }
    runs = FlowRunFilter(
        id={"any_": [*many("id"), artifact.flow_run_id]}, tags={"any_": [*many("tags"), "prod"]}
    )
    pools = WorkPoolFilter(name={"any_": [*many("name"), "pool"]})
    assert ask.keys(flow_run_filter=runs, work_pool_filter=pools) == ["full"]
