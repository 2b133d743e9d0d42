"""Everything private to pydantic that the package uses, in one module.

pydantic may change these names in any release. `tests/test_pydantic_internals.py` says which one is gone; mend it
here and nowhere else.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import CoreSchema, SchemaValidator

__all__ = [
    "fill",
    "private_values",
    "set_private_values",
    "translate_errors",
    "validate_into",
    "validator_of",
]

P = ParamSpec("P")
T = TypeVar("T")

Translate = Callable[[ValidationError], ValidationError]


# --- Values ---


def fill(value: BaseModel, fields: dict[str, Any], fields_set: Iterable[str]) -> None:
    """Give a new value its fields without validation.

    `model_construct` does the same, and takes ten times as long.

    Args:
        value: what `Model.__new__(Model)` has returned.
        fields: all fields of the model, known to be valid. The value keeps this dictionary.
        fields_set: the names of the fields that were set explicitly.
    """
    # The models are frozen, so their own __setattr__ refuses.
    assign = object.__setattr__
    assign(value, "__dict__", fields)
    assign(value, "__pydantic_fields_set__", {*fields_set})
    assign(value, "__pydantic_extra__", None)
    assign(value, "__pydantic_private__", None)


def validate_into(value: BaseModel, fields: Mapping[str, object]) -> None:
    """Validate fields into a new value, as `BaseModel.__init__` does; they need not be keyword arguments.

    Args:
        value: what `Model.__new__(Model)` has returned.
        fields: the fields as they were passed.

    Raises:
        ValidationError: a field is unknown or its value is not valid.
    """
    value.__pydantic_validator__.validate_python(fields, self_instance=value)


def private_values(value: BaseModel) -> dict[str, Any]:
    """Return the dictionary of a value's private attributes; reading them one by one is much slower."""
    values = value.__pydantic_private__
    assert values is not None
    return values


def set_private_values(value: BaseModel, values: dict[str, Any]) -> None:
    """Give a value that `fill` has filled its private attributes."""
    object.__setattr__(value, "__pydantic_private__", values)


# --- Validators ---


def validator_of(schema: CoreSchema) -> SchemaValidator:
    """Return a validator of exactly this schema, where pydantic would use the validators that models already have."""
    return SchemaValidator(schema, _use_prebuilt=False)


def translate_errors(model: type[BaseModel], translate: Translate) -> None:
    """Let a model raise what `translate` returns wherever pydantic would raise its `ValidationError`.

    Args:
        model: a model whose validator is complete, as it is in `__pydantic_on_complete__`.
        translate: returns the error to raise.
    """
    validator = model.__pydantic_validator__
    if not isinstance(validator, TranslatingValidator):
        translating = TranslatingValidator(validator, translate)
        type.__setattr__(model, "__pydantic_validator__", translating)


class TranslatingValidator:
    """The validator of a model: that of pydantic, with other errors."""

    __slots__ = ("_inner", "validate_json", "validate_python", "validate_strings")

    def __init__(self, inner: Any, translate: Translate) -> None:
        """Wrap the methods of a validator that may raise a `ValidationError`."""
        self._inner = inner
        self.validate_python = _translating(inner.validate_python, translate)
        self.validate_json = _translating(inner.validate_json, translate)
        self.validate_strings = _translating(inner.validate_strings, translate)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def __repr__(self) -> str:
        return repr(self._inner)


def _translating(validate: Callable[P, T], translate: Translate) -> Callable[P, T]:
    def validate_and_translate(*args: P.args, **options: P.kwargs) -> T:
        try:
            return validate(*args, **options)
        except ValidationError as error:
            raise translate(error) from None

    return validate_and_translate
