"""Values of many types that jobs pass as data, and how plain JSON is compared."""

import collections
import dataclasses
import datetime as dt
import enum
import functools
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
)


class Color(enum.Enum):
    RED = "red"
    WHEN = dt.date(2024, 5, 1)
    PAIR = (1, 2)


class Level(enum.IntEnum):
    LOW = 1


class Word(enum.StrEnum):
    A = "a"


class Code(str, enum.Enum):  # noqa: UP042 (the old idiom is what is tested)
    """A str whose value is not its text."""

    OK = "text"

    def __new__(cls, text: str) -> "Code":
        """Make the two differ."""
        member = str.__new__(cls, text)
        member._value_ = text.upper()
        return member


class Endless(enum.Enum):
    A = 1

    @property
    def value(self) -> "Endless":
        return self


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = None


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")
    b: Any
    a: dt.date

    @functools.cached_property
    def cached(self) -> int:
        return 1


class Pair(collections.namedtuple("Pair", "a b")):
    """A named tuple."""


class Agreeable:
    """Equal to everything."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return True


class AgreeableBytes(Agreeable, bytes):
    """Bytes that `==` cannot tell from the text pydantic makes of them."""


class AgreeableDict(Agreeable, dict[Any, Any]):
    """A dict whose items are not those that C code sees."""

    def items(self) -> Any:
        return [("said", 1)]


class Text(str):
    def __str__(self) -> str:
        return "not this"


class Pairs(Mapping[Any, Any]):
    """A mapping of whatever pairs it is given."""

    def __init__(self, *pairs: tuple[Any, Any]) -> None:
        self.pairs = pairs

    def items(self) -> Any:
        return self.pairs

    def __getitem__(self, key: Any) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.pairs)


def nested(levels: int, inner: Any = None) -> Any:
    value = [] if inner is None else [inner]
    for _ in range(levels - 1):
        value = [value]
    return value


def is_plain(value: Any) -> bool:
    if type(value) is dict:
        return all(type(key) is str for key in value) and all(map(is_plain, value.values()))
    if type(value) is list:
        return all(map(is_plain, value))
    return value is None or type(value) in (str, int, float, bool)


def moved() -> collections.OrderedDict[str, int]:
    ordered = collections.OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    return ordered


def same(one: Any, other: Any) -> bool:
    """Whether two plain values are equal in type, sign of zero and order too, which their repr shows."""
    return is_plain(one) and is_plain(other) and repr(one) == repr(other)
