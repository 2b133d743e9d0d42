"""The private names of pydantic that the package uses are still there, and still do the same."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel, PrivateAttr, ValidationError
from pydantic_core import core_schema

import artifact_store
from artifact_store import pydantic_internals

PACKAGE = Path(artifact_store.__file__).parent
OF_PYDANTIC = "mend artifact_store/pydantic_internals.py, and raise or cap the version of pydantic in setup.cfg"


class Model(BaseModel, frozen=True):
    number: int = 1
    text: str = ""


def test_a_filled_value_is_like_a_validated_one() -> None:
    validated = Model(number=2)
    filled = Model.__new__(Model)
    pydantic_internals.fill(filled, {"number": 2, "text": ""}, ["number"])
    for name in validated.__slots__:
        assert getattr(filled, name) == getattr(validated, name), (
            f"pydantic keeps {name} in another way: {OF_PYDANTIC}"
        )
    assert vars(filled) == vars(validated)
    assert {*BaseModel.__slots__} == {
        "__dict__",
        "__pydantic_fields_set__",
        "__pydantic_extra__",
        "__pydantic_private__",
    }, f"A value of pydantic has other attributes: {OF_PYDANTIC}"
    assert filled == validated
    assert filled.model_copy(update={"text": "x"}) == Model(number=2, text="x")


def test_a_validator_has_the_schema_that_it_was_given() -> None:
    anything = core_schema.with_default_schema(core_schema.any_schema(), default=None)
    fields = {name: core_schema.model_field(anything) for name in Model.model_fields}
    schema = core_schema.model_schema(Model, core_schema.model_fields_schema(fields))
    value = pydantic_internals.validator_of(core_schema.list_schema(schema)).validate_python(
        [{"number": "no number"}]
    )
    assert value[0].number == "no number", (
        f"pydantic takes the validator of the model instead: {OF_PYDANTIC}"
    )


class Counted(BaseModel, frozen=True):
    number: int = 1
    _depth: int = PrivateAttr(default=1)


def test_private_values_are_the_private_attributes() -> None:
    assert pydantic_internals.private_values(Counted()) == {"_depth": 1}, OF_PYDANTIC
    filled = Counted.__new__(Counted)
    pydantic_internals.fill(filled, {"number": 2}, ())
    pydantic_internals.set_private_values(filled, {"_depth": 3})
    assert filled._depth == 3, OF_PYDANTIC


def test_fields_are_validated_into_a_new_value() -> None:
    value = Model.__new__(Model)
    pydantic_internals.validate_into(value, {"number": "2"})
    assert value == Model(number=2), OF_PYDANTIC
    assert value.model_fields_set == {"number"}, OF_PYDANTIC


def test_a_model_raises_the_translated_error() -> None:
    class Strict(BaseModel):
        number: int = 1

    class Translated(ValidationError):
        pass

    def translate(error: ValidationError) -> ValidationError:
        return Translated.from_exception_data(error.title, [])

    inner = Strict.__pydantic_validator__
    pydantic_internals.translate_errors(Strict, translate)
    pydantic_internals.translate_errors(Strict, translate)  # once is enough
    assert repr(Strict.__pydantic_validator__) == repr(inner)
    assert Strict(number=2).number == Strict.model_validate_json('{"number": 2}').number == 2
    with pytest.raises(Translated):
        Strict(number="x")  # type: ignore[arg-type]
    with pytest.raises(Translated):
        Strict.model_validate_json("{")
    with pytest.raises(Translated):
        Strict.model_validate_strings({"number": "x"})


# A hook that the documentation of pydantic describes.
DOCUMENTED = {"__pydantic_on_complete__"}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_private_names_of_pydantic_stand_in_one_module(path: Path) -> None:
    if path.name == "pydantic_internals.py":
        return
    used = {*re.findall(r"__pydantic_\w+__", path.read_text(encoding="utf-8"))} - DOCUMENTED
    assert not used, f"{path.name} uses {used}: let pydantic_internals do that"
