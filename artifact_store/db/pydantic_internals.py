"""Everything private to pydantic that the database layer uses, in one module.

pydantic may change these names in any release. `tests/db/test_internals.py` says which one is gone; mend it here and
nowhere else.
"""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic_core import CoreSchema, SchemaValidator

__all__ = ["fill", "validator_of"]


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


def validator_of(schema: CoreSchema) -> SchemaValidator:
    """Return a validator of exactly this schema, where pydantic would use the validators that models already have."""
    return SchemaValidator(schema, _use_prebuilt=False)
