"""How messages show values of any type, filters and artifacts."""

from collections.abc import Iterable

__all__ = [
    "FILTER_PARAMETERS",
    "count_text",
    "in_one_line",
    "misplaced",
    "name_of_artifact",
    "shown",
    "suggestion",
    "with_article",
]

FILTER_PARAMETERS = {
    "ArtifactFilter": "artifact_filter",
    "ArtifactCollectionFilter": "artifact_filter",
    "FlowRunFilter": "flow_run_filter",
    "TaskRunFilter": "task_run_filter",
    "DeploymentFilter": "deployment_filter",
    "FlowFilter": "flow_filter",
    "WorkPoolFilter": "work_pool_filter",
}
"""The parameter that takes each class of filter; in the order of the parameters."""


def shown(value: object) -> str:
    """Return the `repr` of a value, cut to 80 characters, and never raise.

    The `repr` of an int of 5,000 digits raises ValueError, that of a list nested 10,000 deep
    RecursionError, and that of an object of a user anything. Then the class is named instead.

    Examples:
        >>> shown("sales"), shown(10**5000)
        ("'sales'", '<int>')
    """
    try:
        return f"{value!r:.80}"
    except Exception:
        return f"<{type(value).__name__}>"


def suggestion(name: object, known: Iterable[str]) -> str:
    """Return what to use for an unknown name: the one that looks like it, or else one of all.

    Examples:
        >>> suggestion("like", ["any_", "like_"])
        "did you mean 'like_'?"
        >>> suggestion("foo", ["any_", "like_"])
        "use one of 'any_', 'like_'."
    """
    from difflib import get_close_matches  # only errors need it

    names = list(known)
    text = name if isinstance(name, str) else shown(name)
    near = get_close_matches(text[:100], names, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"use one of {', '.join(map(repr, names))}."


def misplaced(value: object) -> str:
    """Return what to write for a filter that was passed as another argument; empty otherwise.

    Examples:
        >>> from artifact_store import FlowFilter
        >>> misplaced(FlowFilter())
        ': write flow_filter=FlowFilter(...)'
    """
    name = type(value).__name__
    parameter = FILTER_PARAMETERS.get(name)
    return "" if parameter is None else f": write {parameter}={name}(...)"


def name_of_artifact(artifact_id: object, key: str | None, version: int | None) -> str:
    """Return the reference of an artifact: `key@version`, or its id when it has no key.

    Examples:
        >>> name_of_artifact("0198…", "sales", 3), name_of_artifact("0198…", None, None)
        ('sales@3', '0198…')
    """
    return str(artifact_id) if key is None else f"{key}@{version}"


def with_article(noun: str) -> str:
    """Return a noun with its indefinite article.

    Examples:
        >>> with_article("int"), with_article("FlowFilter")
        ('an int', 'a FlowFilter')
    """
    return f"an {noun}" if noun[:1] in "AEIOUaeiou" else f"a {noun}"


def in_one_line(text: str) -> str:
    """Return a message of a database on one line, which may quote anything from a damaged file."""
    line = " ".join(text.split())
    line = line.encode("utf-8", "replace").decode().rstrip(".")
    return line if line.isprintable() and len(line) <= 200 else f"{line!r:.200}"


def count_text(number: int, noun: str) -> str:
    """Return a number of things in words.

    Args:
        number: how many there are.
        noun: the word for one of them; its plural must end with `s`.

    Returns:
        The number, with commas, and the noun, in the plural unless there is one.

    Examples:
        >>> count_text(1, "row"), count_text(1461, "row")
        ('1 row', '1,461 rows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
