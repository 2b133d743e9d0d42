"""Decorators that make each call of a function, method or property a run.

A function whose work begins after the call has returned (async, or a generator) is refused: its
run would have ended before.
"""

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property, wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

from ..errors import InvalidQuery
from ..wording import shown

__all__ = ["BlockFactory", "Method", "decorate", "refuse_deferred"]

P = ParamSpec("P")
R = TypeVar("R")
Method = TypeVar(
    "Method",
    bound="classmethod[Any, ..., Any] | staticmethod[..., Any] | property | cached_property[Any]",
)

BlockFactory: TypeAlias = Callable[[str | None], Callable[[], AbstractContextManager[object]]]
"""Takes the name of a function, and returns a function that makes the block of one call."""

_DEFERRED: dict[str, Callable[[object], bool]] = {
    "an async function": inspect.iscoroutinefunction,
    "an async generator": inspect.isasyncgenfunction,
    "a generator": inspect.isgeneratorfunction,
}


def decorate(target: object, label: str, block_factory: BlockFactory) -> Any:
    """Return a function each call of which is a run; for a method or a property, the same kind.

    Args:
        target: what is decorated.
        label: what messages call the run, such as `flow run`.
        block_factory: makes the blocks of the calls.

    Raises:
        InvalidQuery: the target is not a function, or its work begins after the call has returned.
    """
    if isinstance(target, classmethod | staticmethod):
        function = decorate(target.__func__, label, block_factory)
        return type(target)(function)
    if isinstance(target, property):
        return decorate_property(target, label, block_factory)
    if isinstance(target, cached_property):
        return cached_property(decorate(target.func, label, block_factory))
    if callable(target):
        return decorate_function(target, label, block_factory)
    raise InvalidQuery(
        f"{shown(target)} is neither a name nor a function: "
        f"give the {label} a name, or decorate a function."
    )


def decorate_property(target: property, label: str, block_factory: BlockFactory) -> property:
    """Return a property whose getter, setter and deleter are runs."""
    decorated = target
    if target.fget is not None:
        decorated = decorated.getter(decorate(target.fget, label, block_factory))
    if target.fset is not None:
        decorated = decorated.setter(decorate(target.fset, label, block_factory))
    if target.fdel is not None:
        decorated = decorated.deleter(decorate(target.fdel, label, block_factory))
    return decorated


def decorate_function(
    function: Callable[P, R], label: str, block_factory: BlockFactory
) -> Callable[P, R]:
    """Return a function that calls another one inside a block of its own."""
    refuse_deferred(function, f"cannot be a {label}")
    new_block = block_factory(getattr(function, "__name__", None))

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with new_block():
            return function(*args, **kwargs)

    return wrapper


def refuse_deferred(function: Callable[..., object], problem: str) -> None:
    """Refuse a function that returns before its work is done.

    Args:
        function: the function.
        problem: what cannot be done with it, for the message.

    Raises:
        InvalidQuery: it is async, or a generator.
    """
    name = getattr(function, "__name__", repr(function))
    call_method = getattr(function, "__call__", None)  # noqa: B004
    for kind, is_kind in _DEFERRED.items():
        if is_kind(function) or is_kind(call_method):
            raise InvalidQuery(
                f"{name} is {kind}, which {problem}: its work begins when the call has returned. "
                "Use a with block inside it."
            )
