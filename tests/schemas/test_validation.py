"""What pydantic refuses is an error of ours: one sentence, wherever a filter or an artifact is made."""

import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from artifact_store import (
    Artifact,
    ArtifactCollectionFilter,
    ArtifactCreate,
    ArtifactFilter,
    ArtifactStoreError,
    ArtifactUpdate,
    DeploymentFilter,
    Flow,
    FlowFilter,
    FlowRun,
    FlowRunFilter,
    InvalidArtifact,
    InvalidQuery,
    TaskRunFilter,
    WorkPoolFilter,
)

FILTERS: list[Any] = [
    ArtifactFilter, ArtifactCollectionFilter, FlowFilter, DeploymentFilter, FlowRunFilter, TaskRunFilter,
    WorkPoolFilter,
]  # fmt: skip
BAD: list[dict[str, Any]] = [
    {"nonsense": 1},
    {"and_": [{"nonsense": 1}]},
    {"not_": {"or_": [{}, {"nonsense": 1}]}},
    {"and_": 5},
    {"or_": [None]},
    {"operator": "xor"},
    {"not_": 5},
]
WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "keywords": lambda kind, fields: kind(**fields),
    "model_validate": lambda kind, fields: kind.model_validate(fields),
    "model_validate_json": lambda kind, fields: kind.model_validate_json(json.dumps(fields)),
}


def refused(make: Callable[[], object], error: type[ArtifactStoreError]) -> ArtifactStoreError:
    """Return the error that a call raises, once it is seen to be of both kinds and one plain sentence."""
    with pytest.raises(error) as caught:
        make()
    found = caught.value
    assert isinstance(found, ValidationError)
    text = str(found)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    assert "http" not in "".join(traceback.format_exception(found))
    assert "http" not in repr(found)
    assert found.args == (text,)
    lines: list[Any] = found.errors()
    assert len(lines) == found.error_count() > 0
    assert all("url" not in line for line in lines)
    assert text.startswith(lines[0]["msg"])
    return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", FILTERS, ids=lambda kind: kind.__name__)
def test_a_filter_that_is_not_understood_is_an_invalid_query(kind: Any, way: str) -> None:
    for fields in BAD:
        found = refused(lambda fields=fields: WAYS[way](kind, fields), InvalidQuery)  # type: ignore[misc]
        copy = pickle.loads(pickle.dumps(found))
        assert type(copy) is type(found)
        assert str(copy) == str(found)
        assert copy.errors() == [{**line, "input": None} for line in found.errors()]  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [ArtifactCreate, ArtifactUpdate, Artifact, Flow, FlowRun])
def test_fields_that_are_not_understood_are_an_invalid_artifact(kind: Any, way: str) -> None:
    for fields in ({"nonsense": 1}, {"id": "x", "type": 5, "tags": 7}):
        found = refused(lambda fields=fields: WAYS[way](kind, fields), InvalidArtifact)  # type: ignore[misc]
        assert str(pickle.loads(pickle.dumps(found))) == str(found)


def test_data_that_cannot_be_said_is_one_sentence_on_every_way() -> None:
    data = {"rows": [{"x": object()}]}
    for make in (
        lambda: ArtifactCreate(data=data),
        lambda: ArtifactCreate.model_validate({"data": data}),
        lambda: ArtifactUpdate.model_validate({"data": data}),
    ):
        with pytest.raises(InvalidArtifact, match=r"^data\.rows\[0\]\.x "):
            make()
    found = refused(lambda: ArtifactCreate.model_validate({"data": data}), InvalidArtifact)
    assert str(found).startswith("data.rows[0].x ")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ArtifactFilter(kee={}), "ArtifactFilter has no field 'kee'; did you mean 'key'?"),  # type: ignore[call-arg]
        (lambda: ArtifactFilter(key={"like": "x"}), "key: there is no operator 'like'; did you mean 'like_'?"),
        (
            lambda: ArtifactFilter(key="sales"),  # type: ignore[arg-type]
            "key: 'sales' is not an object of operators: pass one, such as {'any_': [...]}.",
        ),
        (
            lambda: ArtifactFilter(id={"any_": ["x", "y"]}),
            "id.any_.0: 'x' is not a UUID or its text: pass a UUID or its text (and 1 more).",
        ),
        (lambda: ArtifactFilter(key={"any_": "sales"}), "key.any_: 'sales' is not a list: pass a list."),
        (lambda: ArtifactFilter(operator="x"), "operator: 'x' should be 'and_' or 'or_'."),  # type: ignore[arg-type]
        (
            lambda: ArtifactFilter(key={"like_": "x" * 1001}),
            "key.like_: 1,001 characters are too many: pass at most 1000.",
        ),
        (
            lambda: ArtifactFilter(version={"ge_": 10**5000}),
            "version.ge_: <int> should be less than or equal to 9223372036854775807.",
        ),
        (lambda: ArtifactFilter.model_validate(5), "ArtifactFilter: 5 is not an object of names and values: "
            "pass an object of names and values."),
        (lambda: FlowFilter(**{"{0} {x}": 1}), "FlowFilter has no field '{0} {x}'; use one of 'and_', 'or_', 'not_', "
            "'id', 'name', 'tags', 'deployment', 'operator'."),  # type: ignore[arg-type]
        (lambda: ArtifactCreate(kee="k"), "kee is not a field of ArtifactCreate: use one of data, description, "
            "flow_run_id, id, key, metadata, profile, task_run_id, type."),
        (lambda: Artifact.model_validate({}), "id is missing: give one (and 2 more)."),
    ],
)  # fmt: skip
def test_the_sentence_names_the_value_and_the_remedy(make: Callable[[], object], text: str) -> None:
    with pytest.raises(ArtifactStoreError) as caught:
        make()
    assert str(caught.value) == text


class Unshowable:
    """A value whose text cannot be had."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")

    def __reduce__(self) -> Any:
        raise TypeError("no pickle")


def test_a_value_that_cannot_be_shown_or_pickled_is_named_by_its_class() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    for value, name in (
        (Unshowable(), "Unshowable"),
        (nested, "list"),
        (10**9999, "int"),
        (iter([]), "iterator"),
    ):
        with pytest.raises(InvalidQuery, match=name) as caught:
            ArtifactFilter(key=value)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
        assert len(str(caught.value)) < 300


def test_a_frozen_value_says_so_in_words_of_ours() -> None:
    for value, error in (
        (ArtifactFilter(key={}), InvalidQuery),
        (ArtifactCreate(key="a"), InvalidArtifact),
    ):
        refused(lambda value=value: setattr(value, "key", None), error)  # type: ignore[misc]
        found = refused(lambda value=value: delattr(value, "key"), error)  # type: ignore[misc]
        assert (
            str(found)
            == f"key cannot be changed, since this {type(value).__name__} is frozen: make another one."
        )
        assert value.key is not None


def test_a_type_adapter_of_a_filter_refuses_as_the_filter_does() -> None:
    """Before a filter is first used pydantic builds the adapter's validator itself, and the error is its own."""
    assert FlowFilter() == TypeAdapter(FlowFilter).validate_python({})
    for make in (
        lambda: TypeAdapter(FlowFilter).validate_python({"nam": {}}),
        lambda: TypeAdapter(FlowFilter).validate_json('{"nam": {}}'),
    ):
        assert (
            str(refused(make, InvalidQuery))
            == "FlowFilter has no field 'nam'; did you mean 'name'?"
        )


class Request(BaseModel):
    """What a web service may take."""

    where: ArtifactFilter
    create: ArtifactCreate | None = None


def test_inside_a_model_of_yours_the_error_is_that_models() -> None:
    with pytest.raises(ValidationError) as caught:
        Request.model_validate({"where": {"id": {"any_": ["x"]}}})
    assert not isinstance(caught.value, ArtifactStoreError)
    assert [line["loc"] for line in caught.value.errors()] == [("where", "id", "any_", 0)]
    made = Request.model_validate({"where": {"key": {"any_": ["a"]}}, "create": {"key": "b"}})
    assert made == Request(
        where=ArtifactFilter(key={"any_": ["a"]}), create=ArtifactCreate(key="b")
    )


def test_json_that_is_not_understood_is_an_invalid_query() -> None:
    deep = '{"not_":' * 300
    for text in (
        "",
        "{",
        "[]",
        "5",
        "nul",
        deep,
        deep + "x",
        b"\xff",
        '{"version": {"any_": [' + "9" * 5000 + "]}}",
    ):
        refused(lambda text=text: ArtifactFilter.model_validate_json(text), InvalidQuery)  # type: ignore[misc]
    for wrong in (None, 5, ["{}"], memoryview(b"{}")):
        refused(lambda wrong=wrong: ArtifactFilter.model_validate_json(wrong), InvalidQuery)  # type: ignore[misc]


def test_it_is_logged_as_one_line(caplog: pytest.LogCaptureFixture) -> None:
    try:
        ArtifactFilter(key="sales")  # type: ignore[arg-type]
    except InvalidQuery:
        logging.getLogger(__name__).exception("refused")
    assert "InvalidFilter: key: 'sales' is not an object of operators" in caplog.text
    assert "http" not in caplog.text
