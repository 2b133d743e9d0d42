"""Validation errors: one sentence for what pydantic finds wrong, as an error of this package.

Filters and artifacts are pydantic models. An error of theirs is an `InvalidQuery` or an `InvalidArtifact`, and still a
`pydantic.ValidationError`, whose `errors()` say where each value is.
"""

from typing import ClassVar, NamedTuple, NoReturn, Self

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from .. import jsonable
from ..errors import InvalidArtifact, InvalidQuery
from ..pydantic_internals import translate_errors
from ..wording import shown
from .keys import as_key

__all__ = ["InvalidFields", "InvalidFilter", "InvalidValue", "Validated"]


class Problem(NamedTuple):
    """What is wrong with one value."""

    message: str
    loc: tuple[int | str, ...]
    input: object


class InvalidValue(ValidationError):
    """A validation error whose text is one sentence, without a link to another site.

    Attributes:
        code: the type of each of its `errors()`.
    """

    code: ClassVar[str]

    def __init__(self, *parts: object) -> None:
        """Take what `from_exception_data` passes on; pydantic itself keeps it."""

    @classmethod
    def of(cls, error: ValidationError, model: type[BaseModel]) -> Self:
        """Translate an error of pydantic."""
        problems = [
            Problem(explain(details, model, cls.code), details["loc"], details["input"])
            for details in error.errors(include_url=False)
        ]
        return cls.from_problems(error.title, problems)

    @classmethod
    def from_problems(cls, title: str, problems: list[Problem]) -> Self:
        """Return an error whose text is the first of some problems."""
        details: list[InitErrorDetails] = []
        for message, loc, value in problems:
            custom = PydanticCustomError(cls.code, message)  # pyright: ignore[reportArgumentType]
            details.append(InitErrorDetails(type=custom, loc=loc, input=value))
        error = cls.from_exception_data(title, details)

        text = problems[0].message
        if len(problems) > 1:
            text += f" (and {len(problems) - 1} more)"
        error.args = (text if text.endswith("?") else f"{text}.",)
        return error

    def __str__(self) -> str:
        """Return the sentence about what is wrong first."""
        return str(self.args[0])

    def __repr__(self) -> str:
        """Return the class and the sentence."""
        return f"{type(self).__name__}({self.args[0]!r})"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the problems without the values, which may be of any type."""
        problems = [
            Problem(details["msg"], details["loc"], None)
            for details in self.errors(include_url=False)
        ]
        return type(self).from_problems, (self.title, problems)


class InvalidFilter(InvalidValue, InvalidQuery):
    """The fields cannot become a filter."""

    code = "invalid_query"


class InvalidFields(InvalidValue, InvalidArtifact):
    """The fields cannot become an artifact or a run."""

    code = "invalid_artifact"


class Validated:
    """Mixin for models, before `BaseModel`: raises `__error__` wherever pydantic would raise its own error."""

    __error__: ClassVar[type[InvalidValue]] = InvalidFields

    @classmethod
    def __pydantic_on_complete__(cls) -> None:
        """Translate the errors of the validator, which pydantic has just built."""
        if issubclass(cls, BaseModel):
            translate_errors(cls, cls._translate)

    @classmethod
    def _translate(cls, error: ValidationError) -> ValidationError:
        if isinstance(error, cls.__error__):
            return error
        assert issubclass(cls, BaseModel)
        return cls.__error__.of(error, cls)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse a change, since the value is frozen."""
        try:
            super().__setattr__(name, value)
        except ValidationError:
            self._refuse_change(name)

    def __delattr__(self, name: str) -> None:
        """Refuse a change, since the value is frozen."""
        try:
            super().__delattr__(name)
        except ValidationError:
            self._refuse_change(name)

    def _refuse_change(self, name: str) -> NoReturn:
        kind = type(self).__name__
        message = f"{name} cannot be changed, since this {kind} is frozen: make another one"
        raise self.__error__.from_problems(kind, [Problem(message, (name,), None)]) from None


# --- Messages ---

_EXPECTED = {
    "uuid": "a UUID or its text",
    "string": "text",
    "bool": "true or false",
    "datetime": "a time with a time zone",
    "int": "a whole number",
    "tuple": "a list",
    "dict": "an object of names and values",
    "model": "an object of names and values",
}
"""What is expected, by the first word of pydantic's type of an error."""


def explain(details: ErrorDetails, model: type[BaseModel], code: str) -> str:
    """Return a sentence for one error of pydantic, without its full stop.

    Args:
        details: the error, as `ValidationError.errors` returns it.
        model: the model that was validated.
        code: the type of errors whose message is such a sentence already.
    """
    error_type = details["type"]
    value = details["input"]
    path = ".".join(str(part) for part in details["loc"])
    name = path or model.__name__
    message = details["msg"].rstrip(".")
    if error_type == code:
        return message
    if error_type == "value_error":
        message = message.removeprefix("Value error, ")
        return message if message.startswith(path) else f"{path}: {message}"
    if error_type == "extra_forbidden":
        fields = ", ".join(sorted(model.model_fields))
        return f"{path} is not a field of {model.__name__}: use one of {fields}"
    if error_type in ("string_pattern_mismatch", "string_unicode"):
        return explain_text(path, value)
    if error_type == "missing":
        return f"{path} is missing: give one"
    if error_type == "string_too_long":
        most = details.get("ctx", {}).get("max_length")
        return f"{path}: {len(value):,} characters are too many: pass at most {most}"
    if error_type == "recursion_loop":
        return f"{name}: it contains itself, or nests too deep: leave out what repeats"
    if error_type.startswith("model") and path and code == InvalidFilter.code:
        problem = f"{path}: {shown(value)} is not an object of operators"
        return f"{problem}: pass one, such as {{'any_': [...]}}"

    expected = _EXPECTED.get(error_type.partition("_")[0])
    if expected is not None:
        return f"{name}: {shown(value)} is not {expected}: pass {expected}"
    if message.startswith("Input should be "):
        return f"{name}: {shown(value)} should be {message.removeprefix('Input should be ')}"
    return f"{name}: {message}"


def explain_text(path: str, text: object) -> str:
    """Return a sentence for a text that a pattern has refused, or for bytes that are not text."""
    if not isinstance(text, str):
        return f"{path}: {shown(text)} is not text: pass text"
    try:
        jsonable.normalize.check_text(text, path)
    except InvalidArtifact as error:
        return str(error).rstrip(".")
    rule = "use 1 to 255 letters, digits and . _ / -, the first and the last a letter or digit"
    return f"Invalid {path} {text!r:.100}: {rule}; as_key(text) makes {as_key(text)!r:.270} of it"
