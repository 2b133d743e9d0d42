"""Converts rows of the database to values, and values to parameters.

The core of pydantic validates all rows in one pass. On SQLite ids, times and JSON arrive as text
and are parsed there, which is faster than parsing them in Python first.
"""

import gc
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from ..jsonable.normalize import dump_json
from ..pydantic_internals import fill, validator_of
from .columns import JSON_COLUMNS
from .damage import unreadable_row
from .dialects import encode_value

__all__ = ["NO_TEXTS", "Rows", "collector_paused", "construct", "encode_fields", "stored_alike"]

V = TypeVar("V", bound=BaseModel)

NO_TEXTS: Mapping[str, str] = MappingProxyType({})


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector while many values are created.

    All of them stay alive, so the collector would look through them again and again and find
    nothing: measured, this saves 0 to 14 % of the time of a bulk.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Rows(Generic[V]):
    """Turns rows of one table into frozen values.

    Attributes:
        names: the columns, in the order in which rows must hold them.
    """

    def __init__(self, model: type[V]) -> None:
        """Prepare for a model; its validator is built when the first row comes."""
        self.names = tuple(model.model_fields)
        self._model = model
        words = re.sub("(?<!^)(?=[A-Z])", " ", model.__name__)
        self._kind = words.lower()
        self._validator: SchemaValidator | None = None

    def value(self, row: Iterable[object]) -> V:
        """Return the value of one row.

        Raises:
            StoreDamaged: a field of it cannot be parsed.
        """
        return self.values((row,))[0]

    def values(self, rows: Iterable[Iterable[object]]) -> list[V]:
        """Return the values of many rows.

        Raises:
            StoreDamaged: a field of one cannot be parsed; the message names the row.
        """
        if self._validator is None:
            self._validator = row_validator(self._model)
        names = self.names
        fields = [dict(zip(names, row, strict=True)) for row in rows]

        try:
            values: list[V] = self._validator.validate_python(fields)
        except ValidationError as error:
            first, *_ = error.errors(include_url=False, include_context=False, include_input=False)
            position, column, *_ = first["loc"]
            row = fields[int(position)]
            reason = first["msg"]
            raise unreadable_row(self._kind, row, str(column), reason) from error
        return values


def construct(model: type[V], fields: dict[str, object]) -> V:
    """Return a value of fields that are all given and known to be valid.

    `model_construct` takes ten times as long.
    """
    value = model.__new__(model)
    fill(value, fields, fields)
    return value


def encode_fields(value: BaseModel, names: Iterable[str]) -> dict[str, object]:
    """Return the parameters that store some fields of a value, by column."""
    return {name: encode_field(name, getattr(value, name)) for name in names}


def stored_alike(name: str, one: object, other: object) -> bool:
    """Return whether two values of a field are stored alike; metadata has no order, data has."""
    if name == "metadata" and isinstance(one, dict) and isinstance(other, dict):
        one = dict(sorted(one.items()))
        other = dict(sorted(other.items()))
    return encode_field(name, one) == encode_field(name, other)


def encode_field(name: str, value: object) -> object:
    """Return the parameter that stores the value of one field."""
    if value is not None and name in JSON_COLUMNS:
        return dump_json(value)
    return encode_value(value)


def row_validator(model: type[BaseModel]) -> SchemaValidator:
    """Build the validator of a list of rows, which parses the JSON columns from their text.

    What the database holds was checked when it was written, so the rules of what may go in are left
    out.
    """
    fields = {}
    for name, info in model.model_fields.items():
        schema = TypeAdapter(info.annotation or object).core_schema
        if name in JSON_COLUMNS:
            json_text = core_schema.json_schema(json_type(name, schema))
            schema = core_schema.nullable_schema(json_text)
        optional = core_schema.with_default_schema(schema, default=None)
        fields[name] = core_schema.model_field(optional)

    columns = core_schema.model_fields_schema(fields)
    row = core_schema.model_schema(model, columns)
    return validator_of(core_schema.list_schema(row))


def json_type(name: str, schema: CoreSchema) -> CoreSchema:
    """Return what the JSON of a column must be; `schema` is that of the field."""
    if name == "tags":
        return schema
    if name in ("metadata", "profile"):
        return core_schema.dict_schema()
    return core_schema.any_schema()
