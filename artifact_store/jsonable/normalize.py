"""How Python values become the plain JSON of an artifact's `data` and `metadata`.

Nothing is truncated or guessed, so a value reads back the same on every engine. A value that cannot become JSON raises
an error that begins with the path of the part that cannot.

Plain JSON, the most common value, is recognised and copied without a loop in Python. Any other value is walked by one
loop with a stack of its own, so that deep nesting cannot exhaust Python's. `encoders`
knows how each type becomes simpler, and `plain_json` how plain JSON is recognised.

Examples:
    >>> import datetime, decimal
    >>> normalize_data({"day": datetime.date(2024, 5, 1), "total": decimal.Decimal("9.90"), "seen": {3, 1}})
    {'day': '2024-05-01', 'total': '9.90', 'seen': [1, 3]}
"""

import json
import math
import warnings
from collections.abc import Iterator, Mapping
from decimal import Decimal
from numbers import Real
from typing import Any, TypeGuard

from pydantic_core import to_json

from ..callers import outside
from ..errors import ArtifactDataWarning, InvalidArtifact
from ..wording import with_article
from .encoders import (
    JSON,
    LONGEST_PATH,
    MAX_DEPTH,
    MAX_INT64,
    TOO_DEEP,
    TWICE,
    NotSerializableError,
    Unordered,
    names_of,
    searchable,
    step_of,
    type_name,
)
from .plain_json import NOT_PLAIN, copy_plain

__all__ = ["check_text", "dump_json", "normalize_data", "normalize_metadata", "normalize_with_text"]

Scalar = str | int | float | bool | None


def normalize_data(value: object, path: str = "data") -> object:
    """Return a value as plain JSON.

    Args:
        value: any value that JSON can represent, and also dates, UUIDs, decimals, enums, dataclasses, pydantic models,
            sets, bytes, arrays, frames.
        path: what errors and warnings call the value.

    Returns:
        Dicts with string keys, lists, strings, ints, finite floats, booleans and None. No container is shared with
        `value`.

    Raises:
        InvalidArtifact: a part of it cannot become JSON; the message begins with its path.

    Warns:
        ArtifactDataWarning: a part of it means something else as JSON: NaN and the infinities, which become null, and
            bytes, which become base64.

    Examples:
        >>> normalize_data({"rows": [(1, None)], 7: {"hi"}})
        {'rows': [[1, None]], '7': ['hi']}
        >>> normalize_data({"rows": [1, {"x": 2j}]})
        Traceback (most recent call last):
            ...
        artifact_store.errors.InvalidArtifact: data.rows[1].x is a complex, which JSON cannot represent: \
turn it into text, numbers, a list or a dict first.
    """
    return normalize_with_text(value, path)[0]


def normalize_with_text(
    value: object, path: str = "data", *, table: bool = False
) -> tuple[object, bytes | None]:
    """Do `normalize_data`, and return the JSON text of the result too when it is known already.

    Args:
        value: what `normalize_data` takes.
        path: what errors and warnings call the value.
        table: whether it is a table, so that series and named tuples keep the names that they carry.

    Examples:
        >>> normalize_with_text([1, "a"]), normalize_with_text((1, "a"))
        (([1, 'a'], b'[1,"a"]'), ([1, 'a'], None))
    """
    try:
        return copy_plain(value)
    except NOT_PLAIN:
        pass  # the walk finds out what it is, and where
    if table:
        value = _with_names(value, path)
    return walk(value, path), None


def _with_names(value: object, path: str) -> object:
    # Most tables are plain JSON and never come here.
    from .named_rows import with_names

    try:
        return with_names(value)
    except NotSerializableError as error:
        raise InvalidArtifact(f"{path} {error}") from error.__cause__


def normalize_metadata(value: object, path: str = "metadata") -> dict[str, Scalar]:
    """Return metadata as a flat object of JSON scalars.

    Args:
        value: a mapping of strings to strings, 64-bit integers, floats, booleans or None. Other values that become a
            scalar in data, such as a date, a UUID, an enum or a NumPy number, become the same scalar here.
        path: what errors and warnings call the value.

    Returns:
        A new dict in the same order; NaN and the infinities become None, with an `ArtifactDataWarning`.

    Raises:
        InvalidArtifact: a key or a value is anything else; the message begins with its path.

    Examples:
        >>> normalize_metadata({"team": "finance", "rows": 3, "loss": None})
        {'team': 'finance', 'rows': 3, 'loss': None}
    """
    # Asking `isinstance` of an abstract class takes longer than all the rest for a small dict.
    if type(value) is not dict and not isinstance(value, Mapping):
        kind = with_article(type_name(value))
        raise InvalidArtifact(f"{path} is {kind}: pass a dict of names and scalars.")

    flat: dict[str, Scalar] = {}
    changes: set[str] = set()
    trail: list[int | str] = []
    try:
        for key, item in value.items():
            is_plain_key = type(key) is str and key.isascii() and "\0" not in key
            if is_plain_key and is_plain_scalar(item) and key not in flat:
                flat[key] = item
                continue
            trail = []
            name = metadata_key(key)
            if name in flat:
                raise NotSerializableError(TWICE.format(name[:LONGEST_PATH]))
            trail = [name]
            flat[name] = metadata_scalar(item)
            changes.add(change_of(item, flat[name]))
    except NotSerializableError as error:
        raise InvalidArtifact(f"{located(path, trail)} {error}") from error.__cause__
    warn_of(changes, path)
    return flat


def check_text(value: str, path: str) -> str:
    r"""Return a text if every engine can store and search it.

    Args:
        value: the text.
        path: what errors call it.

    Raises:
        InvalidArtifact: it holds U+0000 or a lone surrogate.

    Examples:
        >>> check_text("a\0b", "description")
        Traceback (most recent call last):
            ...
        artifact_store.errors.InvalidArtifact: description holds U+0000 at index 1: remove it.
    """
    try:
        return searchable(value)
    except NotSerializableError as error:
        raise InvalidArtifact(f"{path} {error}") from error.__cause__


def dump_json(value: object) -> str:
    """Return the compact JSON text of a normalised value.

    Examples:
        >>> dump_json({"a": [1, None, "ü"]})
        '{"a":[1,null,"ü"]}'
    """
    return to_json(value, inf_nan_mode="null").decode()


# --- The walk ---


def walk(value: object, path: str) -> object:
    """Return any value as plain JSON, with a loop over all of its parts.

    Raises:
        InvalidArtifact: a part of it cannot become JSON; the message begins with its path.
    """
    root: list[object] = [None]
    levels: list[Level] = [(root, iter([(0, value)]))]
    trail: list[int | str] = [0]
    unordered: list[list[object]] = []
    changes: set[str] = set()
    try:
        while levels:
            container, children = levels[-1]
            for slot, child in children:
                trail[-1] = slot
                simple = simplify(child)
                if not isinstance(simple, (dict, list)):
                    container[slot] = simple
                    if simple is not child:
                        changes.add(change_of(child, simple))
                    continue

                if len(levels) > MAX_DEPTH:
                    raise NotSerializableError(TOO_DEEP)
                level = open_level(simple)
                container[slot] = level[0]
                if type(simple) is Unordered:
                    unordered.append(level[0])
                levels.append(level)
                trail.append(0)
                break
            else:
                levels.pop()
                trail.pop()
    except NotSerializableError as error:
        raise InvalidArtifact(f"{located(path, trail[1:])} {error}") from error.__cause__
    except Exception as error:
        # A property or an iterator raised, or a container was changed meanwhile.
        problem = f"cannot be read, its own code raised {type(error).__name__}: pass its plain values instead."
        raise InvalidArtifact(f"{located(path, trail[1:])} {problem}") from error

    # The innermost first, since the order of its members is part of the outer text.
    for members in reversed(unordered):
        members.sort(key=dump_json)
    warn_of(changes, path)
    return root[0]


# A dict or list that is being filled, and the slots and values that are still to come.
Level = tuple[Any, Iterator[tuple[int | str, object]]]


def open_level(simple: dict[object, object] | list[object]) -> Level:
    """Return an empty container for a dict or list, and what it is to be filled with."""
    if isinstance(simple, dict):
        names = names_of(simple)
        # The keys are set first, so that they keep their order.
        return dict.fromkeys(names), zip(names, simple.values(), strict=True)
    return [None] * len(simple), enumerate(simple)


def simplify(value: object) -> object:
    """Return a JSON scalar, or a dict or list whose contents are still to be walked."""
    finish = JSON.get(type(value))
    if finish is not None:
        return finish(value)
    for _ in range(MAX_DEPTH):  # an enum may hold a dataclass, but there is an end to it
        kind: type = type(value)
        value = step_of(kind)(value)
        finish = JSON.get(type(value))
        if finish is not None:
            return finish(value)
    raise NotSerializableError(TOO_DEEP)


# --- Metadata ---


def metadata_key(key: object) -> str:
    """Return a key of metadata, which is a string of any class."""
    if not isinstance(key, str):
        kind = type_name(key)
        raise NotSerializableError(
            f"has a key of type {kind}: its keys are strings; make it one first."
        )
    return searchable(str.__str__(key))


def is_plain_scalar(value: object) -> TypeGuard[Scalar]:
    """Tell whether a value is one of the most common scalars of metadata, which stay as they are."""
    if type(value) is str:
        return value.isascii() and "\0" not in value
    if type(value) is int:
        return -MAX_INT64 - 1 <= value <= MAX_INT64
    if type(value) is float:
        return math.isfinite(value)
    return value is None or type(value) is bool


def metadata_scalar(value: object) -> Scalar:
    """Return a value of metadata as the scalar that it would become in data."""
    simple = simplify(value)
    if isinstance(simple, str):
        return searchable(simple)
    if isinstance(simple, int) and not -MAX_INT64 - 1 <= simple <= MAX_INT64:
        raise NotSerializableError(
            "is an integer beyond 64 bits: pass it as text, or put it into data."
        )
    if simple is None or isinstance(simple, (int, float)):
        return simple
    rule = "metadata is flat, of strings, numbers, booleans and null; put the rest into data."
    raise NotSerializableError(f"is {with_article(type_name(value))}: {rule}")


# --- Warnings and messages ---

_NOT_FINITE = "holds NaN or an infinity, which is stored as null: pass None to say so, or its text to keep it."
_BYTES = "holds bytes, which are stored as base64 text: decode them if they are text."


def change_of(value: object, simple: object) -> str:
    """Return what to warn of when a scalar means something else as JSON, and an empty text otherwise."""
    if simple is None:
        # NaT and NA of pandas and NumPy are missing values, as null is.
        return _NOT_FINITE if isinstance(value, Real | Decimal) else ""
    return _BYTES if isinstance(value, bytes | bytearray | memoryview) else ""


def warn_of(changes: set[str], path: str) -> None:
    """Warn of what a value has lost; Python shows the same warning once for each line that calls."""
    for change in sorted(changes - {""}):
        warnings.warn(f"{path} {change}", ArtifactDataWarning, stacklevel=outside())


def located(path: str, trail: list[int | str]) -> str:
    """Return the path of a part; a long one loses its middle."""
    text = path
    for slot in trail:
        if str(slot).isidentifier():
            text += f".{slot}"
        else:
            text += f"[{json.dumps(slot, ensure_ascii=False)}]"
    if len(text) <= LONGEST_PATH:
        return text
    half = LONGEST_PATH // 2
    return f"{text[:half]}…{text[-half:]}"
