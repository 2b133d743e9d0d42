"""What the fields of filters accept: sets of operators, and their operands.

The value of a field is a `FieldFilter`, such as `{"any_": […], "not_any_": […]}`. It belongs to a
family (plain columns, tags, metadata, creator); `operators` says what the operators of a family
mean. An operand that is accepted here must be one that every engine can bind.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
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
from ..jsonable.encoders import MAX_INT64, NotSerializableError, searchable
from ..schemas.states import as_state_type
from ..schemas.validation import InvalidFilter, Validated
from ..wording import shown, suggestion

__all__ = ["PATTERN_LIMIT", "Accepts", "FieldFilter", "FilterModel"]

PATTERN_LIMIT = 1000

# --- Operands ---


def check_text(text: str) -> str:
    """Return a text that can be searched for.

    Raises:
        ValueError: It holds U+0000 or a lone surrogate, which no stored text does.
    """
    try:
        return searchable(text)
    except NotSerializableError:
        raise ValueError(
            "text with U+0000 or a lone surrogate cannot be searched for: leave it out"
        ) from None


Scalar: TypeAlias = str | int | float | bool | None

_SCALAR_TYPES = (str, int, float, bool, NoneType)


def parse_scalar(value: object) -> Scalar:
    """Return what metadata is compared with; for a date, an enum and the like, what is stored.

    Raises:
        ValueError: Metadata cannot have such a value.
    """
    if type(value) not in _SCALAR_TYPES:
        value = stored_scalar(value)
    if isinstance(value, str):
        return check_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -MAX_INT64 - 1 <= value <= MAX_INT64:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError(
        f"{shown(value)} cannot be a metadata value: "
        "use text, a 64-bit integer, a finite number, a boolean or null"
    )


def stored_scalar(value: object) -> Scalar:
    """Return what is stored for a value of metadata; NaN for a number that is stored as null.

    Raises:
        ValueError: The value cannot be stored.
    """
    try:
        metadata = jsonable.normalize.normalize_metadata({"value": value})
    except InvalidArtifact as error:
        raise ValueError(str(error).removeprefix("metadata.").rstrip(".")) from None
    stored = metadata["value"]
    return math.nan if stored is None else stored


def parse_comparable(value: object) -> str | int | float:
    """Return what metadata is compared with by order.

    Raises:
        ValueError: Metadata cannot have such a value, or it has no order.
    """
    scalar = parse_scalar(value)
    if scalar is None or isinstance(scalar, bool):
        raise ValueError(f"{shown(value)} has no order: compare numbers or text")
    return scalar


def as_list(value: object) -> object:
    """Return a single name as a list."""
    return (value,) if isinstance(value, str) else value


T = TypeVar("T")
if TYPE_CHECKING:
    # To a type checker: pydantic makes a FieldFilter from a dict of operators.
    Accepts: TypeAlias = T | Mapping[str, object] | None
else:
    Accepts = Optional[T]  # noqa: UP045, T | None cannot be subscripted

Flag = bool | None
Text = Annotated[str, AfterValidator(check_text)]
Pattern = Annotated[str, Field(max_length=PATTERN_LIMIT), AfterValidator(check_text)] | None
Moment = Annotated[datetime, AfterValidator(in_utc)] | None
Number = Annotated[int, Field(ge=-MAX_INT64 - 1, le=MAX_INT64)]
Ids = tuple[UUID, ...] | None
Texts = tuple[Text, ...] | None
StateTypes = tuple[Annotated[str, AfterValidator(as_state_type)], ...] | None


# --- Sets of operators ---


class FilterModel(Validated, BaseModel):
    """A frozen model that suggests a field for an unknown one, and whose JSON is short."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    __error__ = InvalidFilter

    operator: Literal["and_", "or_"] = "and_"

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, value: object) -> object:
        """Refuse unknown names, and suggest a known one."""
        if not isinstance(value, Mapping):
            return value
        for name in value:
            if name in cls.model_fields:
                continue
            known = sorted(cls.model_fields, key="operator".__eq__)  # what joins them comes last
            raise ValueError(f"{cls._unknown_name(name)}; {suggestion(name, known)}")
        return value

    @classmethod
    def _unknown_name(cls, name: object) -> str:
        """Return what the message says of an unknown name."""
        return f"{cls.__name__} has no field {shown(name)}"

    @model_serializer(mode="wrap")
    def _without_defaults(
        self, handler: Callable[[object], dict[str, object]]
    ) -> dict[str, object]:
        """Serialize only what was set."""
        fields = handler(self)
        if fields.get("operator") == "and_":
            del fields["operator"]
        return {name: value for name, value in fields.items() if value is not None}


class FieldFilter(FilterModel):
    """The operators of one field; all must hold, or one of them with `operator="or_"`."""

    family: ClassVar[str] = "column"

    @classmethod
    def _unknown_name(cls, name: object) -> str:
        """Return what the message says of an unknown operator."""
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
    """`before_`, `after_`: at or before, at or after a time; `is_null_`: there is none."""

    is_null_: Flag = None


class Null(FieldFilter):
    """`is_null_`: there is none."""

    is_null_: Flag = None


class Exists(FieldFilter):
    """`exists_`: there is one."""

    exists_: Flag = None


class Aliases(AnyText):
    """`any_`: one of these aliases names it; `exists_`: an alias names it."""

    exists_: Flag = None


class Equal(FieldFilter):
    """`eq_`: the flag has this value."""

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
    """`eq_`, `ge_`, `le_`: values by name, of the same JSON type; `has_key_`: names."""

    family: ClassVar[str] = "metadata"
    eq_: dict[Text, Annotated[object, AfterValidator(parse_scalar)]] | None = None
    has_key_: Annotated[Texts, BeforeValidator(as_list)] = None
    ge_: dict[Text, Annotated[object, AfterValidator(parse_comparable)]] | None = None
    le_: dict[Text, Annotated[object, AfterValidator(parse_comparable)]] | None = None


class Creator(FieldFilter):
    """`id_`, `type_`: the creator's id or type is in the list; `is_null_`: there is none."""

    family: ClassVar[str] = "creator"
    id_: Ids = None
    type_: Texts = None
    is_null_: Flag = None
