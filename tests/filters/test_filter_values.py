"""Filters as values: combining, freezing, JSON, and what is refused."""

import itertools
import json
from datetime import datetime
from operator import and_, or_
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from artifact_store import (
    ArtifactCollectionFilter,
    ArtifactFilter,
    ArtifactStore,
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    InvalidQuery,
    RunSort,
    TaskRunFilter,
    WorkPoolFilter,
)
from tests.helpers.filter_model import TABLE
from tests.helpers.filters import (
    HOME,
    KINDS,
    METHODS,
    RELATED,
    Ask,
    each_kind,
    each_method,
    names,
    of_kind,
)


@each_kind
def test_chains_stay_flat(kind: Any) -> None:
    a, b, c, d = (
        kind(id={"any_": [UUID(int=n)]})
        if kind is not ArtifactCollectionFilter
        else kind(latest_id={"any_": [UUID(int=n)]})
        for n in range(4)
    )
    assert (a | b | c).or_ == (a | (b | c)).or_ == (a, b, c)
    assert (a & b & c).and_ == (a & (b & c)).and_ == (a, b, c)
    assert ((a | b) | (c | d)).or_ == (a, b, c, d)
    assert ((a | b) & c).and_ == (a | b, c)
    assert (~a | b).or_ == (kind(not_=a), b)
    assert a | b == kind(or_=[a, b])
    mixed = kind(or_=[a, b], and_=[c])
    assert (mixed | d).or_ == (mixed, d)
    other = kind(operator="or_", and_=[a, b])
    assert (other & c).and_ == (other, c)


@pytest.mark.parametrize("word", [and_, or_], ids=["&", "|"])
def test_filters_of_different_kinds_do_not_combine(word: Any) -> None:
    for one, other in itertools.permutations(KINDS, 2):
        with pytest.raises(TypeError):
            word(one(), other())
    for other in (None, {}, True, "x"):
        with pytest.raises(TypeError):
            word(FlowFilter(), other)
        with pytest.raises(TypeError):
            word(other, FlowFilter())


def test_filters_of_another_kind_are_no_members() -> None:
    for one, other in itertools.permutations(KINDS, 2):
        for fields in ({"and_": [other()]}, {"or_": [other()]}, {"not_": other()}):
            with pytest.raises(ValidationError):
                one(**fields)


@each_method
def test_a_filter_of_the_wrong_kind_is_refused(store: ArtifactStore, method: str) -> None:
    own = {kind: name for kind, (home, name) in HOME.items() if home == method}
    takes = {name: kind for kind, name in own.items()} | RELATED
    for name, kind in takes.items():
        for wrong in (
            *(other() for other in KINDS if other is not kind),
            {},
            {"name": {}},
            "x",
            [],
        ):
            with pytest.raises(InvalidQuery, match=name):
                getattr(store, method)(**{name: wrong})


@pytest.mark.parametrize("word", ["read", "count"])
def test_the_two_kinds_of_artifact_filter_are_not_interchangeable(
    store: ArtifactStore, word: str
) -> None:
    with pytest.raises(InvalidQuery, match="ArtifactCollectionFilter"):
        getattr(store, f"{word}_latest_artifacts")(artifact_filter=ArtifactFilter())
    with pytest.raises(InvalidQuery, match="ArtifactFilter"):
        getattr(store, f"{word}_artifacts")(artifact_filter=ArtifactCollectionFilter())


def test_the_same_filter_deletes(full: ArtifactStore) -> None:
    assert full.delete_artifacts(work_pool_filter=WorkPoolFilter(name={"any_": ["other"]})) == 0
    assert (
        full.delete_artifacts(
            ArtifactFilter(key={"like_": "fu"}),
            flow_filter=FlowFilter(name={"any_": ["flow"]}),
            force=True,
        )
        == 1
    )
    assert names(full, "read_artifacts") == ["None", "bare", "outer"]
    with pytest.raises(InvalidQuery):
        full.delete_artifacts(ArtifactCollectionFilter())  # type: ignore[arg-type]


@pytest.mark.parametrize("method", [each for each in METHODS if "artifacts" not in each])
def test_a_filter_that_a_listing_does_not_take_is_refused(full: ArtifactStore, method: str) -> None:
    """What would be ignored in silence is an error."""
    for name in ("artifact_filter", "flow_filte", "work_queue_filter", "work_queue"):
        with pytest.raises((InvalidQuery, TypeError), match=name):
            getattr(full, method)(**{name: ArtifactFilter(key={"any_": ["none"]})})


@each_method
def test_an_unknown_order_is_refused(store: ArtifactStore, method: str) -> None:
    for wrong in ("NAME", "", "id_desc", "ID_ASC", None, 1):
        with pytest.raises(InvalidQuery, match="ID_DESC"):
            getattr(store, method)(sort=wrong)
    if "artifacts" not in method:
        assert getattr(store, method)(sort=RunSort.NAME_ASC) == []


@each_kind
def test_filters_are_frozen(kind: Any) -> None:
    question = kind(operator="or_", or_=[kind()])
    for name in ("operator", "or_", *TABLE[kind]):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(question, name, None)
    criterion = getattr(kind(**{next(iter(TABLE[kind])): {}}), next(iter(TABLE[kind])))
    with pytest.raises(ValidationError, match="frozen"):
        criterion.operator = "or_"


def test_operands_are_copied() -> None:
    """A list or a dict that the caller changes later does not change the filter."""
    keys, entries = ["a"], {"x": 1}
    question = ArtifactFilter(key={"any_": keys}, metadata={"eq_": entries})
    before = question.model_dump_json()
    keys.append("b")
    entries["y"] = 2
    assert question.model_dump_json() == before


@pytest.mark.parametrize("wrong", [None, "xor", "AND", "and", True])
@each_kind
def test_operator_is_and_or_or(kind: Any, wrong: Any) -> None:
    with pytest.raises(ValidationError):
        kind(operator=wrong)
    with pytest.raises(ValidationError):
        kind(**{next(iter(TABLE[kind])): {"operator": wrong}})


def test_or_inside_a_field(ask: Ask) -> None:
    ask.make("a", "b", "sales")
    assert ask(key={"operator": "or_", "any_": ["a"], "startswith_": "sa"}) == ["a", "sales"]
    assert ask(key={"operator": "and_", "any_": ["a"], "startswith_": "sa"}) == []
    assert ask(version={"operator": "or_", "ge_": 5, "le_": 1}) == ["a", "b", "sales"]


def test_or_inside_a_state(store: ArtifactStore) -> None:
    flow = store.create_flow("flow")
    for name, kind, text in (
        ("x", "FAILED", "Failed"),
        ("y", "COMPLETED", "Cached"),
        ("z", "COMPLETED", "Completed"),
    ):
        store.create_flow_run(flow.id, name=name, state_type=kind, state_name=text)  # type: ignore[arg-type]
    state = {"type": {"any_": ["FAILED"]}, "name": {"any_": ["Cached"]}}
    assert of_kind(store, FlowRunFilter(state=state)) == []
    assert of_kind(store, FlowRunFilter(state=state | {"operator": "or_"})) == ["x", "y"]
    assert of_kind(store, ~FlowRunFilter(state=state | {"operator": "or_"})) == ["z"]
    assert of_kind(store, FlowRunFilter(operator="or_", state=state, name={"any_": ["z"]})) == ["z"]


ID = "018f3f3e-9f5a-7b3c-8d2e-0123456789ab"
REST = [
    (
        ArtifactFilter,
        {
            "operator": "and_",
            "id": None,
            "key": {"any_": None, "like_": "my-artifact-%", "exists_": None},
            "flow_run_id": None,
            "task_run_id": None,
            "type": {"any_": ["table", "markdown"], "not_any_": None},
        },
    ),
    (
        ArtifactFilter,
        {
            "operator": "or_",
            "id": {"any_": [ID]},
            "flow_run_id": {"any_": [ID]},
            "task_run_id": {"any_": [ID]},
        },
    ),
    (
        ArtifactCollectionFilter,
        {
            "operator": "and_",
            "latest_id": {"any_": [ID]},
            "key": {"any_": ["a"], "like_": None, "exists_": True},
            "type": {"any_": None, "not_any_": ["result"]},
        },
    ),
    (
        FlowFilter,
        {
            "operator": "and_",
            "id": {"any_": [ID], "not_any_": None},
            "deployment": {"operator": "and_", "is_null_": False},
            "name": {"any_": ["flow"], "like_": "fl"},
            "tags": {"operator": "and_", "all_": ["prod"], "any_": None, "is_null_": None},
        },
    ),
    (
        FlowRunFilter,
        {
            "operator": "and_",
            "id": {"any_": [ID], "not_any_": [ID]},
            "name": {"any_": None, "like_": "marvin"},
            "tags": {"operator": "or_", "all_": ["a"], "is_null_": True},
            "deployment_id": {"operator": "and_", "any_": [ID], "is_null_": None},
            "work_queue_name": {"operator": "or_", "any_": ["default"], "is_null_": True},
            "state": {
                "operator": "and_",
                "type": {"any_": ["SCHEDULED", "RUNNING"], "not_any_": None},
                "name": {"any_": ["Late"], "not_any_": None},
            },
            "flow_version": {"any_": ["1"]},
            "start_time": {
                "before_": "2024-01-01T00:00:00+00:00",
                "after_": None,
                "is_null_": None,
            },
            "end_time": {"before_": None, "after_": None, "is_null_": True},
            "expected_start_time": {
                "before_": "2024-01-01T00:00:00Z",
                "after_": "2019-08-24T14:15:22.123456Z",
            },
            "next_scheduled_start_time": {"before_": None, "after_": "2019-08-24T14:15:22Z"},
            "parent_flow_run_id": {"operator": "and_", "any_": [ID]},
            "parent_task_run_id": {"operator": "and_", "any_": [ID], "is_null_": False},
            "idempotency_key": {"any_": ["k"], "not_any_": ["l"]},
            "created_by": {"id_": [ID], "type_": ["AUTOMATION"], "is_null_": False},
        },
    ),
    (
        TaskRunFilter,
        {
            "operator": "and_",
            "id": {"any_": [ID]},
            "name": {"any_": ["task"], "like_": None},
            "tags": {"operator": "and_", "all_": ["t"], "is_null_": None},
            "state": {
                "operator": "and_",
                "type": {"any_": ["COMPLETED"], "not_any_": None},
                "name": None,
            },
            "subflow_runs": {"exists_": True},
            "start_time": {"before_": None, "after_": "2019-08-24T14:15:22Z", "is_null_": None},
            "expected_start_time": {"before_": "2019-08-24T14:15:22Z", "after_": None},
            "end_time": None,
            "flow_run_id": {"operator": "and_", "any_": [ID], "is_null_": False},
        },
    ),
    (
        DeploymentFilter,
        {
            "operator": "and_",
            "id": {"any_": [ID], "not_any_": None},
            "name": {"any_": ["d"], "like_": None},
            "flow_or_deployment_name": {"like_": "marvin"},
            "paused": {"eq_": True},
            "tags": {"operator": "and_", "all_": ["t"], "any_": ["u"], "is_null_": None},
            "work_queue_name": {"any_": ["default"]},
        },
    ),
    (
        WorkPoolFilter,
        {
            "operator": "and_",
            "id": {"any_": [ID]},
            "name": {"any_": ["pool"]},
            "type": {"any_": ["kubernetes"]},
        },
    ),
]


def stripped(value: Any) -> Any:
    """JSON without what says nothing: null, and the operator that is the default."""
    if not isinstance(value, dict):
        return value
    return {
        name: stripped(each)
        for name, each in value.items()
        if each is not None and (name, each) != ("operator", "and_")
    }


@pytest.mark.parametrize(("kind", "plain"), REST, ids=lambda each: getattr(each, "__name__", ""))
def test_the_json_of_prefect(full: ArtifactStore, kind: Any, plain: dict[str, Any]) -> None:
    """It is read as it is, written back without what says nothing, and answered."""
    question = kind.model_validate_json(json.dumps(plain))
    assert question == kind.model_validate(plain) == kind(**plain)
    written = json.loads(question.model_dump_json())

    def moments(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: moments(each) for name, each in value.items()}
        try:
            return datetime.fromisoformat(value)
        except (TypeError, ValueError):
            return value

    assert moments(written) == moments(stripped(plain))
    assert of_kind(full, question) == []


@each_kind
def test_an_empty_filter_is_empty_json(kind: Any) -> None:
    assert kind().model_dump_json() == "{}"
    assert kind.model_validate_json("{}") == kind() == kind.model_validate({})
    assert (kind() | kind()).model_dump_json() == '{"or_":[{},{}]}'
    for wrong in ("[]", "null", '"x"', "1", "{", ""):
        with pytest.raises(ValidationError):
            kind.model_validate_json(wrong)


@pytest.mark.parametrize(
    "value", [1, 1.0, True, "1", None, -0.0, 1e300, 0.1 + 0.2, 2**63 - 1, 5e-324, '🙂\u2028"']
)
def test_json_keeps_the_type_of_metadata(value: Any) -> None:
    question = ArtifactFilter(metadata={"eq_": {"x": value}})
    copy = ArtifactFilter.model_validate_json(question.model_dump_json())
    assert copy.metadata is not None
    assert copy.metadata.eq_ is not None
    assert repr(copy.metadata.eq_["x"]) == repr(value)
