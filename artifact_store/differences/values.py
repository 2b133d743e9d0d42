"""Differences of JSON values, by path.

Two values are equal when their JSON texts are: 1 is not 1.0, 0.0 is not -0.0, and the order of the keys of an object
counts. The changes alone rebuild the newer value from the older one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from ..jsonable.normalize import dump_json
from .changes import MISSING, Mismatch, Path, ValueChange
from .sequences import merged, unmatched

__all__ = ["apply_values", "check_before", "compare_values", "same"]


def same(before: object, after: object) -> bool:
    """Tell whether two JSON values are exactly equal.

    Examples:
        >>> same({"a": 1}, {"a": 1}), same(1, 1.0), same(0.0, -0.0), same({"a": 1, "b": 2}, {"b": 2, "a": 1})
        (True, False, False, False)
    """
    if type(before) is not type(after) or before != after:
        return False
    # What is equal for Python may be another JSON text: 0.0 and -0.0, or 1 and 1.0 inside of a list.
    if isinstance(before, dict | list) or (before == 0 and isinstance(before, float)):
        return dump_json(before) == dump_json(after)
    return True


def compare_values(before: object, after: object, path: Path) -> Iterator[ValueChange]:
    """Yield the changes from one JSON value to another.

    Args:
        before: the older value.
        after: the newer value.
        path: the path of both.

    Examples:
        >>> for change in compare_values({"acc": 0.93}, {"acc": 0.71, "f1": 0.6}, ("data",)):
        ...     print(change.kind, change.path, change.before, change.after)
        changed ('data', 'acc') 0.93 0.71
        added ('data', 'f1') MISSING 0.6
    """
    if same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from compare_objects(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from compare_lists(before, after, path)
    else:
        yield ValueChange("changed", path, before, after)


def compare_objects(
    before: dict[str, object], after: dict[str, object], path: Path
) -> Iterator[ValueChange]:
    kept = [name for name in before if name in after]
    added = [name for name in after if name not in before]
    for name, value in before.items():
        inner = (*path, name)
        if name in after:
            yield from compare_values(value, after[name], inner)
        else:
            yield ValueChange("removed", inner, value, MISSING)
    for name in added:
        inner = (*path, name)
        yield ValueChange("added", inner, MISSING, after[name])

    # `apply_values` appends the keys that were added, so any other order has to be said.
    if [*kept, *added] != [*after]:
        yield ValueChange("reordered", path, tuple(before), tuple(after))


def compare_lists(before: list[object], after: list[object], path: Path) -> Iterator[ValueChange]:
    """Match equal elements, and those between them by position."""
    old_texts = [*map(dump_json, before)]
    new_texts = [*map(dump_json, after)]
    for span in unmatched(old_texts, new_texts):
        for old, new in zip_longest(span.before, span.after):
            if new is None:
                yield ValueChange("removed", (*path, old), before[old], MISSING)
            elif old is None:
                yield ValueChange("added", (*path, new), MISSING, after[new])
            else:
                yield from compare_values(before[old], after[new], (*path, new))


def apply_values(value: object, changes: Iterable[ValueChange], depth: int = 1) -> object:
    """Return the newer value that some changes make of the older one.

    Args:
        value: the older value.
        changes: the changes of `compare_values`.
        depth: how many parts of each path lead to the value itself.

    Raises:
        Mismatch, KeyError, IndexError, StopIteration: the changes are those of another value.
    """
    level = Level(depth)
    for change in changes:
        if len(change.path) == depth and change.kind == "changed":
            check_before(value, change.before)
            return change.after
        level.add(change)

    if level.is_empty:
        return value
    if isinstance(value, dict):
        return level.apply_to_object(value)
    if isinstance(value, list):
        return level.apply_to_list(value)
    raise Mismatch


class Level:
    """The changes of one object or list.

    Attributes:
        depth: how many parts of each path lead to it; the next part is the name or index of an element.
        removed: what was removed from it.
        added: what was added to it.
        order: the names of its keys, where they are in another order.
        inner: the changes inside of its elements.
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.removed: dict[str | int, object] = {}
        self.added: dict[str | int, object] = {}
        self.order: tuple[str, ...] | None = None
        self.inner: defaultdict[str | int, list[ValueChange]] = defaultdict(list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        parts = (self.removed, self.added, self.inner)
        return self.order is None and not any(parts)

    def add(self, change: ValueChange) -> None:
        """Take a change of this object or list, or of what is inside of it."""
        own = change.path[self.depth :]
        if not own:
            # What was added or removed is named by the path of the element, so this is an order.
            self.order = change.after  # type: ignore[assignment] # the names of the keys
            return

        name = own[0]
        if len(own) == 1 and change.kind == "removed":
            self.removed[name] = change.before
        elif len(own) == 1 and change.kind == "added":
            self.added[name] = change.after
        else:
            self.inner[name].append(change)

    def apply_to_object(self, value: dict[str, object]) -> dict[str, object]:
        """Return the newer object."""
        applied = dict(value)
        for name, before in self.removed.items():
            check_before(applied.pop(str(name)), before)
        for name, after in self.added.items():
            applied[str(name)] = after
        for name, changes in self.inner.items():
            element = applied[str(name)]
            applied[str(name)] = apply_values(element, changes, self.depth + 1)

        if self.order is None:
            return applied
        return {name: applied[name] for name in self.order}

    def apply_to_list(self, value: list[object]) -> list[object]:
        """Return the newer list."""
        for name, before in self.removed.items():
            check_before(value[index_of(name)], before)
        kept = [element for index, element in enumerate(value) if index not in self.removed]

        added = {index_of(name): element for name, element in self.added.items()}
        applied = merged(kept, added)
        for name, changes in self.inner.items():
            index = index_of(name)
            applied[index] = apply_values(applied[index], changes, self.depth + 1)
        return applied


def index_of(name: str | int) -> int:
    """Return the index of an element of a list; the path of another value may have a name there."""
    if isinstance(name, str):
        raise Mismatch
    return name


def check_before(value: object, before: object) -> None:
    """Raise `Mismatch` when a value is not the one that a change was made from."""
    if not same(value, before):
        raise Mismatch
