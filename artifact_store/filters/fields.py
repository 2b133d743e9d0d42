"""What a field of a filter accepts: sets of operators, and their operands.

The value of a field is a `FieldFilter`, such as `{"any_": […], "not_any_": […]}`. Each belongs to a family (plain
columns, tags, metadata, creator); `operators` says what an operator of a family means.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from difflib import get_close_matches
from types import NoneType
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Optional, TypeAlias, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_serializer,
    model_validator,
)

from .. import jsonable
from ..clock import in_utc
from ..errors import InvalidArtifact
from ..jsonable.encoders import MAX_INT64
from ..schemas.states import as_state_type
from ..schemas.validation import InvalidFilter, Validated
from ..wording import shown

__all__ = ["PATTERN_LIMIT", "Accepts", "FieldFilter", "FilterModel"]

PATTERN_LIMIT = 1000

# --- Operands ---


def _clean(text: str) -> str:
    if "\0" in text:
        raise ValueError("text with U+0000 cannot be searched for: leave it out")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(
            "text with a lone surrogate cannot be searched for: leave it out"
        ) from None
    return text


Scalar: TypeAlias = str | int | float | bool | None

_PLAIN = (str, int, float, bool, NoneType)


def _scalar(value: object) -> Scalar:
    """Return what a value of metadata is compared with: of a date, an enum and the like, what is stored of it."""
    if type(value) not in _PLAIN:
        value = _stored(value)
    if isinstance(value, str):
        return _clean(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -MAX_INT64 - 1 <= value <= MAX_INT64:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError(
        f"{shown(value)} cannot be a metadata value: use text, a 64-bit integer, a finite number, a boolean or null"
    )


def _stored(value: object) -> Scalar:
    try:
        stored = jsonable.normalize.normalize_metadata({"value": value})["value"]
    except InvalidArtifact as error:
        raise ValueError(str(error).removeprefix("metadata.").rstrip(".")) from None
    return (
        math.nan if stored is None else stored
    )  # nothing can be compared with a number that is stored as null


def _comparable(value: object) -> str | int | float:
    plain = _scalar(value)
    if plain is None or isinstance(plain, bool):
        raise ValueError(f"{shown(value)} has no order: compare numbers or text")
    return plain


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


T = TypeVar("T")
if TYPE_CHECKING:
    # A type checker does not know that pydantic turns a dict of operators into a FieldFilter.
    Accepts: TypeAlias = T | Mapping[str, object] | None
else:
    Accepts = Optional[T]  # noqa: UP045, a type variable that takes its argument later

Flag = bool | None
Text = Annotated[str, AfterValidator(_clean)]
Pattern = Annotated[str, Field(max_length=PATTERN_LIMIT), AfterValidator(_clean)] | None
Moment = Annotated[datetime, AfterValidator(in_utc)] | None
Number = Annotated[int, Field(ge=-MAX_INT64 - 1, le=MAX_INT64)]
Ids = tuple[UUID, ...] | None
Texts = tuple[Text, ...] | None
StateTypes = tuple[Annotated[str, AfterValidator(as_state_type)], ...] | None


# --- Sets of operators ---


class FilterModel(Validated, BaseModel):
    """A frozen model that names the nearest valid field when it meets an unknown one and writes short JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    __error__ = InvalidFilter

    operator: Literal["and_", "or_"] = "and_"

    @model_validator(mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if isinstance(value, Mapping):
            for name in value:
                if name not in cls.model_fields:
                    text = name if isinstance(name, str) else shown(name)
                    near = get_close_matches(text[:100], cls.model_fields, 1, 0)[0]
                    raise ValueError(f"{cls._unknown(name)}; did you mean {near!r}?")
        return value

    @classmethod
    def _unknown(cls, name: object) -> str:
        return f"{cls.__name__} has no field {shown(name)}"

    @model_serializer(mode="wrap")
    def _short(self, handler: Callable[[object], dict[str, object]]) -> dict[str, object]:
        return {
            name: value
            for name, value in handler(self).items()
            if value is not None and (name, value) != ("operator", "and_")
        }


class FieldFilter(FilterModel):
    """The operators for one field; all hold with `operator="and_"`, one of them with `"or_"`."""

    family: ClassVar[str] = "column"

    @classmethod
    def _unknown(cls, name: object) -> str:
        return f"there is no operator {shown(name)}"


class AnyId(FieldFilter):
    """`any_`: the id is in the list."""

    any_: Ids = None


class AnyNotId(AnyId):
    """`any_`, `not_any_`: the id is, or is not, in the list."""

    not_any_: Ids = None


class AnyNullId(AnyId):
    """`any_`: the id is in the list; `is_null_`: there is none."""

    is_null_: Flag = None


class AnyText(FieldFilter):
    """`any_`: the text is in the list."""

    any_: Texts = None


class AnyNotText(AnyText):
    """`any_`, `not_any_`: the text is, or is not, in the list."""

    not_any_: Texts = None


class AnyNotState(FieldFilter):
    """`any_`, `not_any_`: the type of the state, in any case, is, or is not, in the list."""

    any_: StateTypes = None
    not_any_: StateTypes = None


class AnyNotNullText(AnyNotText):
    """`any_`, `not_any_`: the text is, or is not, in the list; `is_null_`: there is none."""

    is_null_: Flag = None


class AnyNullText(AnyText):
    """`any_`: the text is in the list; `is_null_`: there is none."""

    is_null_: Flag = None


class LikeText(FieldFilter):
    """`like_`: the pattern is found anywhere, ASCII case ignored; `%` and `_` are wildcards."""

    like_: Pattern = None


class AnyLikeText(AnyText, LikeText):
    """`any_`: the text is in the list; `like_`: the pattern is found in it."""


class KeyText(AnyLikeText):
    """`any_`, `like_`, `startswith_` (literal, case-sensitive), `exists_` (there is a key)."""

    startswith_: Pattern = None
    exists_: Flag = None


class Versions(FieldFilter):
    """`any_`: the version is in the list; `ge_`, `le_`: at least, at most."""

    any_: tuple[Number, ...] | None = None
    ge_: Number | None = None
    le_: Number | None = None


class Times(FieldFilter):
    """`before_`, `after_`: at or before, at or after a time with a time zone."""

    before_: Moment = None
    after_: Moment = None


class NullTimes(Times):
    """`before_`, `after_`: at or before, at or after a time with a time zone; `is_null_`: there is none."""

    is_null_: Flag = None


class Null(FieldFilter):
    """`is_null_`: there is none."""

    is_null_: Flag = None


class Exists(FieldFilter):
    """`exists_`: there is one."""

    exists_: Flag = None


class Equal(FieldFilter):
    """`eq_`: the flag is just so."""

    eq_: Flag = None


class AllTags(FieldFilter):
    """`all_`: every tag of the list is there; `is_null_`: there is no tag."""

    family: ClassVar[str] = "tags"
    all_: Texts = None
    is_null_: Flag = None


class AllAnyTags(AllTags):
    """`all_`, `any_`: every tag, one tag of the list is there; `is_null_`: there is no tag."""

    any_: Texts = None


class Metadata(FieldFilter):
    """`eq_`, `ge_`, `le_`: values by name, compared within their JSON type; `has_key_`: names that are all there."""

    family: ClassVar[str] = "metadata"
    eq_: dict[Text, Annotated[object, AfterValidator(_scalar)]] | None = None
    has_key_: Annotated[Texts, BeforeValidator(_listed)] = None
    ge_: dict[Text, Annotated[object, AfterValidator(_comparable)]] | None = None
    le_: dict[Text, Annotated[object, AfterValidator(_comparable)]] | None = None


class Creator(FieldFilter):
    """`id_`, `type_`: the creator's id, or kind, is in the list; `is_null_`: nobody is named."""

    family: ClassVar[str] = "creator"
    id_: Ids = None
    type_: Texts = None
    is_null_: Flag = None
