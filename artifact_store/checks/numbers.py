"""The numbers of one artifact, by the names that `read_series` takes."""

from collections.abc import Mapping

from ..artifacts.metrics import as_number, full_name, numbers_in, row_count
from ..differences.changes import MISSING
from ..differences.summary import value_text
from ..schemas.artifacts import Artifact
from ..wording import shown

__all__ = ["explain_no_number", "full_name", "name_text", "value_called"]

_MOST_NAMES = 8  # that a sentence lists
_LONGEST_NAME = 100


def value_called(artifact: Artifact, name: str) -> object:
    """Return what an artifact holds under the full name of a number; `MISSING` where nothing is."""
    if name == "rows":
        rows = rows_of(artifact)
        return MISSING if rows is None else rows
    if name == "data":
        return artifact.data
    column, _, member = name.partition(".")
    value = artifact.data if column == "data" else artifact.metadata
    return value.get(member, MISSING) if isinstance(value, Mapping) else MISSING


def rows_of(artifact: Artifact) -> float | None:
    """Return the number of rows of a table; `None` for anything else."""
    if artifact.profile is None and artifact.type != "table":
        return None
    rows = row_count(artifact.profile, artifact.data)
    return int(rows) if rows is not None and rows.is_integer() else rows


def explain_no_number(artifact: Artifact, name: str, value: object) -> str:
    """Return a sentence that says why there is no number under a name.

    Args:
        artifact: the artifact.
        name: the full name.
        value: what `value_called` has returned, which is not a number.
    """
    if value is not MISSING:
        kind = "a number that can be compared" if is_number(value) else "a number"
        return f"{name_text(name)} is {described(value)} in {artifact.ref}, not {kind}."

    sentence = f"{artifact.ref} has no number {name_text(name)}"
    names = names_of(artifact)
    if not names:
        return f"{sentence}; it has no numbers at all."
    listed = [name_text(each) for each in names[:_MOST_NAMES]]
    if len(names) > _MOST_NAMES:
        listed.append("...")
    return f"{sentence}; it has {', '.join(listed)}."


def names_of(artifact: Artifact) -> list[str]:
    """Return the full names of the numbers of an artifact."""
    names = ["data"] if as_number(artifact.data) is not None else []
    if rows_of(artifact) is not None:
        names.append("rows")
    names += [name for name, _ in numbers_in(artifact.data, "data")]
    names += [name for name, _ in numbers_in(artifact.metadata, "metadata")]
    return names


def name_text(name: str) -> str:
    """Return a name for a sentence; one that a terminal could obey, or a long one, as its `repr`."""
    if name.isprintable() and len(name) <= _LONGEST_NAME:
        return name
    return shown(name)


def is_number(value: object) -> bool:
    """Tell whether a value is a number, finite or not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def described(value: object) -> str:
    """Return what a value is that is not a number."""
    if isinstance(value, str):
        return f"the text {shown(value)}"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if is_number(value) and isinstance(value, int):
        return "too large"
    return value_text(value)  # null, true, false, NaN, Infinity
