"""Converts rows of the database to values, and values to parameters.

The core of pydantic validates all rows in one pass. On SQLite ids, times and JSON arrive as text and are parsed there,
which is faster than parsing them in Python first.
"""

import gc
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import SchemaValidator, core_schema

from ..jsonable.normalize import dump_json
from ..pydantic_internals import fill, validator_of
from .damage import unreadable
from .dialects import encode_value

__all__ = ["NO_TEXTS", "Rows", "bound", "collecting_later", "same", "trusted"]

V = TypeVar("V", bound=BaseModel)

NO_TEXTS: Mapping[str, str] = MappingProxyType({})

_JSON_FIELDS = ("data", "metadata", "profile", "tags", "created_by", "parameters")
_JSON_KINDS = {"metadata": core_schema.dict_schema(), "profile": core_schema.dict_schema()}


@contextmanager
def collecting_later() -> Iterator[None]:
    """Keep the garbage collector off while many values are made.

    All of them stay alive, so the collector would look through them again and again and find nothing: measured, this
    saves 0 to 14 % of the time of a bulk.
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
        self._kind = re.sub("(?<!^)(?=[A-Z])", " ", model.__name__).lower()
        self._validator: SchemaValidator | None = None

    def value(self, row: Iterable[Any]) -> V:
        """Return the value of one row.

        Raises:
            StoreDamaged: a field of it cannot be parsed.
        """
        return self.values((row,))[0]

    def values(self, rows: Iterable[Iterable[Any]]) -> list[V]:
        """Return the values of many rows.

        Raises:
            StoreDamaged: a field of one cannot be parsed; the sentence names the row.
        """
        if self._validator is None:
            self._validator = _row_validator(self._model)
        names = self.names
        fields = [dict(zip(names, row, strict=True)) for row in rows]
        try:
            result: list[V] = self._validator.validate_python(fields)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place, name, *_ = first["loc"]
            raise unreadable(self._kind, fields[int(place)], str(name), first["msg"]) from error
        return result


def trusted(model: type[V], fields: dict[str, Any]) -> V:
    """Return a value of fields that are all given and known to be right; `model_construct` takes ten times as long."""
    made = model.__new__(model)
    fill(made, fields, fields)
    return made


def bound(value: BaseModel, names: Iterable[str]) -> dict[Any, Any]:
    """Return the parameters that store some fields of a value, by column."""
    return {name: _bound(name, getattr(value, name)) for name in names}


def same(name: str, one: Any, other: Any) -> bool:
    """Tell whether two values of a field are stored alike; metadata has no order, data has."""
    if name == "metadata" and one is not None and other is not None:
        one, other = dict(sorted(one.items())), dict(sorted(other.items()))
    return bool(_bound(name, one) == _bound(name, other))


def _bound(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _JSON_FIELDS:
        return dump_json(value)
    return encode_value(value)


def _row_validator(model: type[BaseModel]) -> SchemaValidator:
    """Build the validator of a list of rows: the model's own fields, with JSON columns parsed from their text.

    What the database holds was checked when it was written, so the rules of what may go in are left out.
    """
    fields = {}
    for name, info in model.model_fields.items():
        schema: Any = TypeAdapter(info.annotation or Any).core_schema
        if name in _JSON_FIELDS:
            inner = schema if name == "tags" else _JSON_KINDS.get(name, core_schema.any_schema())
            schema = core_schema.nullable_schema(core_schema.json_schema(inner))
        fields[name] = core_schema.model_field(
            core_schema.with_default_schema(schema, default=None)
        )
    value = core_schema.model_schema(model, core_schema.model_fields_schema(fields))
    return validator_of(core_schema.list_schema(value))
