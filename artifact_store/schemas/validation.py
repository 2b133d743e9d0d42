"""Errors of validation: one sentence for what pydantic finds wrong, as an error of this package.

Filters and artifacts are pydantic models. An error of theirs is an `InvalidQuery` or an `InvalidArtifact` for who
knows this package, and still a `pydantic.ValidationError` for who knows pydantic: its `errors()` name the places.
"""

from typing import Any, ClassVar, NoReturn, Self

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from .. import jsonable
from ..errors import InvalidArtifact, InvalidQuery
from ..pydantic_internals import translate_errors
from ..wording import shown
from .keys import as_key

__all__ = ["InvalidFields", "InvalidFilter", "InvalidValue", "Validated"]


class InvalidValue(ValidationError):
    """A validation error whose text is one sentence, without a link to another site.

    Attributes:
        code: the type of each of its `errors()`.
    """

    code: ClassVar[str]

    def __init__(self, *parts: Any) -> None:
        """Take what `from_exception_data` passes on, which is kept by pydantic itself."""

    @classmethod
    def of(cls, error: ValidationError, kind: type[BaseModel]) -> Self:
        """Translate an error of pydantic."""
        lines = [
            (_explained(line, kind, cls.code), line["loc"], line["input"]) for line in _lines(error)
        ]
        return cls._from_lines(error.title, lines)

    @classmethod
    def _from_lines(cls, title: str, lines: list[tuple[str, tuple[int | str, ...], Any]]) -> Self:
        details = [
            InitErrorDetails(type=PydanticCustomError(cls.code, message), loc=loc, input=value)
            for message, loc, value in lines
        ]
        error = cls.from_exception_data(title, details)
        others = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        text = f"{lines[0][0]}{others}"
        error.args = (text if text.endswith("?") else f"{text}.",)
        return error

    def __str__(self) -> str:
        """Say in one sentence what is wrong first."""
        return str(self.args[0])

    def __repr__(self) -> str:
        """Name the class and the sentence."""
        return f"{type(self).__name__}({self.args[0]!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave out the values, which may be of any kind, when it is pickled."""
        lines = [(line["msg"], line["loc"], None) for line in _lines(self)]
        return type(self)._from_lines, (self.title, lines)


class InvalidFilter(InvalidValue, InvalidQuery):
    """The fields cannot become a filter."""

    code = "invalid_query"


class InvalidFields(InvalidValue, InvalidArtifact):
    """The fields cannot become an artifact or a run."""

    code = "invalid_artifact"


class Validated:
    """Mixin for models, before `BaseModel`: raises `__error__` wherever pydantic would raise its own."""

    __error__: ClassVar[type[InvalidValue]] = InvalidFields

    @classmethod
    def __pydantic_on_complete__(cls) -> None:
        """Wrap the validator of pydantic, once that is built, in one that raises our errors."""
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
        raise self.__error__._from_lines(kind, [(message, (name,), None)]) from None


# Sentences

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


def _lines(error: ValidationError) -> Any:
    return error.errors(include_url=False)


def _explained(line: Any, kind: type[BaseModel], code: str) -> str:
    """Say what one line of a validation error means; one with a code of ours says it already."""
    type_, value = line["type"], line["input"]
    path = ".".join(str(part) for part in line["loc"])
    name = path or kind.__name__
    message: str = line["msg"].rstrip(".")
    expected = _EXPECTED.get(type_.partition("_")[0])
    if type_ == code:
        return message
    if type_ == "value_error":
        return _with_path(message.removeprefix("Value error, "), path)
    if type_ == "extra_forbidden":
        return f"{path} is not a field of {kind.__name__}: use one of {', '.join(sorted(kind.model_fields))}"
    if type_ in ("string_pattern_mismatch", "string_unicode"):
        return _unsuitable(path, value)
    if type_ == "missing":
        return f"{path} is missing: give one"
    if type_ == "string_too_long":
        return f"{path}: {len(value):,} characters are too many: pass at most {line['ctx']['max_length']}"
    if type_ == "recursion_loop":
        return f"{name}: it contains itself, or nests too deep: leave out what repeats"
    if type_.startswith("model") and path and code == InvalidFilter.code:
        return f"{path}: {shown(value)} is not an object of operators: pass one, such as {{'any_': [...]}}"
    if expected is not None:
        return f"{name}: {shown(value)} is not {expected}: pass {expected}"
    if message.startswith("Input should be "):
        return f"{name}: {shown(value)} should be {message.removeprefix('Input should be ')}"
    return f"{name}: {message}"


def _with_path(message: str, path: str) -> str:
    """Put the path before a sentence that does not begin with it."""
    return message if message.startswith(path) else f"{path}: {message}"


def _unsuitable(path: str, text: object) -> str:
    """Say what is wrong with a text that a pattern has refused, or with bytes that are no text."""
    if not isinstance(text, str):
        return f"{path}: {shown(text)} is not text: pass text"
    try:
        jsonable.normalize.check_text(text, path)
    except InvalidArtifact as error:
        return str(error).rstrip(".")
    return (
        f"Invalid {path} {text!r:.100}: use 1 to 255 letters, digits and . _ / -, the first and the last a letter or "
        f"digit; as_key(text) makes {as_key(text)!r:.270} of it"
    )
