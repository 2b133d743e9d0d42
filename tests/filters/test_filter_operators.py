"""Each operator of each field agrees with the plain-Python model, with operands of every sort."""

from collections.abc import Iterator
from typing import Any

from artifact_store import ArtifactCollectionFilter, ArtifactStore, FlowRunFilter
from tests.helpers.filter_model import STATE, TABLE, World
from tests.helpers.filter_strategies import STATE_WORDS, operands
from tests.helpers.filter_world import NAMES, SCALARS, agree, expected, has_order
from tests.helpers.filters import HOME, each_kind


def test_the_declared_fields_and_operators_are_those_of_the_contract() -> None:
    for kind, fields in TABLE.items():
        assert {*kind.model_fields} == {*fields, "operator", "and_", "or_", "not_"}
        for name, words in fields.items():
            assert {*operators_of(kind, name).model_fields} == {*words, "operator"}
    for part, words in STATE.items():
        assert {*operators_of(operators_of(FlowRunFilter, "state"), part).model_fields} == {
            *words,
            "operator",
        }


def operators_of(kind: Any, name: str) -> Any:
    return next(
        each for each in kind.model_fields[name].annotation.__args__ if each is not type(None)
    )


def one_operator(world: World, kind: Any) -> Iterator[tuple[str, Any]]:
    """Each field and operator of a kind with operands of every sort."""
    values = operands(world)
    for name, words in TABLE[kind].items():
        if name == "state":
            for part, inner in STATE.items():
                for word in inner:
                    yield from (
                        (f"state.{part}.{word}", {name: {part: {word: each}}})
                        for each in lists(STATE_WORDS[part])
                    )
            continue
        for word in words:
            for each in samples(world, name, word, values[kind, name]):
                yield f"{name}.{word}", {name: {word: each}}


def lists(values: list[Any]) -> list[list[Any]]:
    return [[], *([each] for each in values), values[:2], values[1:], values]


def samples(world: World, name: str, word: str, values: list[Any]) -> list[Any]:
    if word in ("is_null_", "exists_") or name == "paused":
        return [True, False]
    if name == "created_by":
        return lists(
            ["SCHEDULE", "ключ", "5", "1", "true"]
            if word == "type_"
            else [row.id for row in world.task_runs]
        )
    if name == "metadata":
        if word == "has_key_":
            return lists(NAMES)
        scalars = SCALARS if word == "eq_" else [each for each in SCALARS if has_order(each)]
        return (
            [{}]
            + [{label: scalar} for label in NAMES for scalar in scalars]
            + [{"n": 1, "": 1}, {"n": 0, "$": 0}]
        )
    if word == "like_":
        wild = [
            "%",
            "_",
            "%%",
            "e%l",
            "E_L",
            "\\",
            "\\%",
            "l%e",
            "_" * 9,
            "%L",
            "s-2",
            "S_2",
            "[a-z]",
            "*",
            "?",
        ]
        return [
            "",
            *values,
            *(each.swapcase() for each in values),
            *(each[1:] for each in values),
            *wild,
        ]
    if word == "startswith_":
        return [
            "",
            *values,
            *(each[:3] for each in values),
            "%",
            "_ales",
            "sales-2026x",
            "\U0010ffff",
            "s\U0010ffff",
            "\ud7ff",
        ]
    return lists(values) if word in ("any_", "not_any_", "all_") else values


@each_kind
def test_each_operator(store: ArtifactStore, world: World, kind: Any) -> None:
    """Each operator agrees with the model, negated too, and selects some rows and not others with some operand."""
    method, parameter = HOME[kind]
    everything = expected(world, method)
    selective: set[str] = set()
    tested: set[str] = set()
    for label, fields in one_operator(world, kind):
        ids = agree(store, world, method, **{parameter: kind(**fields)})
        agree(store, world, method, **{parameter: ~kind(**fields)})
        tested.add(label)
        if ids and ids != everything:
            selective.add(label)
    # What has a latest version has a key.
    unselective = {"key.exists_"} if kind is ArtifactCollectionFilter else set()
    assert tested - selective == unselective
