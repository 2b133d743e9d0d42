"""Decorators that make each call of a function a run: of functions, methods and properties.

A function whose work begins after the call has returned (async, or a generator) is refused.
"""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property, wraps
from typing import Any, ParamSpec, TypeVar

from ..errors import InvalidQuery
from ..wording import shown

__all__ = ["Method", "decorate", "refuse_deferred"]

P = ParamSpec("P")
R = TypeVar("R")
Method = TypeVar(
    "Method",
    bound="classmethod[Any, Any, Any] | staticmethod[Any, Any] | property | cached_property[Any]",
)
NewBlock = Callable[[str | None], Callable[[], AbstractContextManager[object]]]
"""Takes the name of a function, and returns what makes the block of one call."""

_DEFERRED: dict[str, Callable[[object], bool]] = {
    "an async function": inspect.iscoroutinefunction,
    "an async generator": inspect.isasyncgenfunction,
    "a generator": inspect.isgeneratorfunction,
}


def decorate(function: Any, label: str, block_of: NewBlock) -> Any:
    """Return a function each call of which is a run; of a method or a property, the same kind.

    Args:
        function: what is decorated.
        label: what the run is called in messages.
        block_of: takes the name of the function, and returns what makes the block of one call.

    Raises:
        InvalidQuery: it is not a function, or its work begins after the call has returned.
    """
    if isinstance(function, classmethod | staticmethod):
        return type(function)(decorate(function.__func__, label, block_of))
    if isinstance(function, property):
        return _decorated_property(function, label, block_of)
    if isinstance(function, cached_property):
        return cached_property(decorate(function.func, label, block_of))
    if not callable(function):
        raise InvalidQuery(
            f"{shown(function)} is neither a name nor a function: give the {label} a name, or decorate a function."
        )
    return _decorated(function, label, block_of)


def _decorated_property(original: property, label: str, block_of: NewBlock) -> property:
    decorated = original
    if original.fget is not None:
        decorated = decorated.getter(decorate(original.fget, label, block_of))
    if original.fset is not None:
        decorated = decorated.setter(decorate(original.fset, label, block_of))
    if original.fdel is not None:
        decorated = decorated.deleter(decorate(original.fdel, label, block_of))
    return decorated


def _decorated(function: Callable[P, R], label: str, block_of: NewBlock) -> Callable[P, R]:
    refuse_deferred(function, f"cannot be a {label}")
    new_block = block_of(getattr(function, "__name__", None))

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with new_block():
            return function(*args, **kwargs)

    return wrapper


def refuse_deferred(function: Callable[..., Any], problem: str) -> None:
    """Refuse a function that returns before its work is done.

    Raises:
        InvalidQuery: it is async, or a generator.
    """
    name = getattr(function, "__name__", repr(function))
    for kind, is_kind in _DEFERRED.items():
        if is_kind(function) or is_kind(getattr(function, "__call__", None)):  # noqa: B004
            raise InvalidQuery(
                f"{name} is {kind}, which {problem}: its work begins when the call has returned. "
                "Use a with block inside it."
            )
