"""What is told of fields without pydantic must be what pydantic tells of them."""

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifact_store import ArtifactCreate, ArtifactUpdate, InvalidArtifact
from artifact_store.jsonable import normalize
from artifact_store.schemas import artifacts

TEXTS = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.sampled_from(["k", "a/b", "-k", "k\n", "a\0b", "é", "\ud800", "x" * 256]),
)
IDS = st.one_of(
    st.none(), st.uuids(), st.sampled_from(["x", str(uuid.UUID(int=7)), uuid.UUID(int=7).bytes, 7])
)
JSON = st.one_of(
    st.none(),
    st.integers(),
    st.text(max_size=3),
    st.sampled_from([(1, 2), {"a": 1}, {1: 2}, {"a": [1]}, 1j]),
)
FIELDS = {
    "key": TEXTS, "type": TEXTS, "description": TEXTS, "data": JSON, "metadata": JSON, "profile": JSON,
    "id": IDS, "flow_run_id": IDS, "task_run_id": IDS, "title": TEXTS,
}  # fmt: skip


def outcome(make: Any) -> Any:
    """Return what is made, or what is said against it."""
    try:
        made = make()
    except InvalidArtifact as error:
        return str(error)
    return (
        made,
        made.model_fields_set,
        list(made.__dict__),
        made.model_extra,
        made.__pydantic_private__,
    )


@pytest.mark.parametrize("kind", [ArtifactCreate, ArtifactUpdate])
@given(fields=st.fixed_dictionaries({}, optional=FIELDS))
def test_clear_fields_are_what_pydantic_makes_of_them(
    kind: type[ArtifactCreate | ArtifactUpdate], fields: dict[str, Any]
) -> None:
    quick = outcome(lambda: kind(**fields))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifacts, "are_valid", lambda *_: False)
        assert outcome(lambda: kind(**fields)) == quick


@given(fields=st.fixed_dictionaries({}, optional=FIELDS))
def test_prepared_fields_are_what_their_value_holds(fields: dict[str, Any]) -> None:
    value = outcome(lambda: ArtifactCreate(**fields))
    if isinstance(value, str):
        with pytest.raises(InvalidArtifact) as refused:
            artifacts.prepare_fields(ArtifactCreate, fields)
        assert str(refused.value) == value
        return
    values, texts = artifacts.prepare_fields(ArtifactCreate, fields)
    assert values == {name: getattr(value[0], name) for name in fields}
    assert all(text == normalize.dump_json(values[name]) for name, text in texts.items())


def test_a_subclass_may_check_more() -> None:
    class Titled(ArtifactCreate):
        title: str

    with pytest.raises(InvalidArtifact, match=r"title is missing: give one\."):
        Titled(key="k")
    assert Titled(key="k", title="x", data=(1,)).data == [1]
