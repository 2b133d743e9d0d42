"""Differences of JSON values, by path.

Two values are equal when their JSON texts are: 1 is not 1.0, 0.0 is not -0.0, and the order of the keys of an object
counts. The changes alone rebuild the newer value from the older one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from ..jsonable.normalize import dump_json
from .changes import MISSING, Mismatch, Path, ValueChange
from .sequences import unmatched

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
        if name in after:
            yield from compare_values(value, after[name], (*path, name))
        else:
            yield ValueChange("removed", (*path, name), value, MISSING)
    for name in added:
        yield ValueChange("added", (*path, name), MISSING, after[name])
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
        Mismatch, KeyError, IndexError: the changes are those of another value.
    """
    own: list[ValueChange] = []
    inner: defaultdict[str | int, list[ValueChange]] = defaultdict(list)
    for change in changes:
        if len(change.path) == depth and change.kind == "changed":
            check_before(value, change.before)
            return change.after

        # What was added or removed is named by the path of the element, and the change is that of its container.
        is_element = change.kind in ("added", "removed")
        levels = len(change.path) - is_element
        if levels == depth or len(change.path) == depth:
            own.append(change)
        else:
            inner[change.path[depth]].append(change)

    if not own and not inner:
        return value
    if isinstance(value, dict):
        return apply_to_object(value, own, inner, depth)
    if isinstance(value, list):
        return apply_to_list(value, own, inner, depth)
    raise Mismatch


def apply_to_object(
    value: dict[str, object],
    own: list[ValueChange],
    inner: dict[str | int, list[ValueChange]],
    depth: int,
) -> dict[str, object]:
    applied = dict(value)
    order: tuple[str, ...] | None = None
    for change in own:
        if change.kind == "removed":
            check_before(applied.pop(str(change.path[depth])), change.before)
        elif change.kind == "added":
            applied[str(change.path[depth])] = change.after
        else:
            order = change.after  # type: ignore[assignment] # the names of the keys
    for name, changes in inner.items():
        applied[str(name)] = apply_values(applied[str(name)], changes, depth + 1)
    return applied if order is None else {name: applied[name] for name in order}


def apply_to_list(
    value: list[object],
    own: list[ValueChange],
    inner: dict[str | int, list[ValueChange]],
    depth: int,
) -> list[object]:
    removed: set[str | int] = set()
    for change in own:
        if change.kind == "removed":
            index = change.path[depth]
            removed.add(index)
            check_before(element_at(value, index), change.before)
    added = {change.path[depth]: change.after for change in own if change.kind == "added"}
    kept = (element for index, element in enumerate(value) if index not in removed)
    applied: list[object] = []
    # Added elements stand where they say, and those that were kept fill the rest in order.
    for index in range(len(value) - len(removed) + len(added)):
        element = added[index] if index in added else next(kept)
        applied.append(element)
    for index, changes in inner.items():
        element = element_at(applied, index)
        applied[int(index)] = apply_values(element, changes, depth + 1)
    return applied


def element_at(elements: list[object], index: str | int) -> object:
    """Return an element of a list; the path of another value may have a name there."""
    if isinstance(index, str):
        raise Mismatch
    return elements[index]


def check_before(value: object, before: object) -> None:
    """Raise `Mismatch` when a value is not the one that a change was made from."""
    if not same(value, before):
        raise Mismatch
