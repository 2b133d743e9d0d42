"""Find artifacts by reference; where there is none, say what is there instead."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import pairwise

from ..db.artifact_tables import Artifact as ArtifactTable
from ..db.artifact_tables import ArtifactAlias, ArtifactCollection
from ..db.statements import Query, Statements, slot
from ..errors import ArtifactNotFound
from ..schemas.artifacts import Artifact
from ..wording import shown
from . import queries, references

__all__ = ["get", "get_pair", "ranges_text", "read_keys", "read_previous"]

_MOST_VERSIONS = 1_000  # of a key that are read to say which ones there are
_MOST_RANGES = 5  # that a message names
_MOST_ALIASES = 5  # that a message names
_ABOVE_ALL_KEYS = "\x7f"
_MOST_KEYS = 1_000  # that are read to find one that is spelled alike


def get(db: Statements, ref: object) -> Artifact:
    """Return the artifact that a reference names.

    Raises:
        InvalidQuery: it is not a reference.
        ArtifactNotFound: there is no such artifact.
    """
    artifact = references.read(db, ref)
    if artifact is None:
        raise ArtifactNotFound(explain_missing(db, ref))
    return artifact


def get_pair(db: Statements, a: object, b: object | None) -> tuple[Artifact, Artifact]:
    """Return the artifacts of two references; without the second, the version before the first, and the first.

    Raises:
        InvalidQuery: one is not a reference.
        ArtifactNotFound: one does not exist.
    """
    first = get(db, a)
    if b is None:
        return read_previous(db, first), first
    return first, get(db, b)


def read_previous(db: Statements, artifact: Artifact) -> Artifact:
    """Return the newest version of a key that is older than one version.

    Raises:
        ArtifactNotFound: there is none.
    """
    if artifact.key is None:
        raise ArtifactNotFound(f"The artifact {artifact.id} has no key, so it has no versions.")

    def build() -> Query:
        is_older = (ArtifactTable.key == slot("key")) & (ArtifactTable.version < slot("version"))
        newest_first = ArtifactTable.version.desc()
        return (
            ArtifactTable.select(*queries.COLUMNS).where(is_older).order_by(newest_first).limit(1)
        )

    values = {"key": artifact.key, "version": artifact.version}
    row = db.fetch_one("lookup.previous", build, values)
    if row is None:
        raise ArtifactNotFound(
            f"{artifact.ref} has no previous version: name two artifacts to compare."
        )
    return queries.ROWS.value(row)


def read_keys(db: Statements, prefix: str = "", limit: int | None = None) -> list[str]:
    """Return the keys that have an artifact and start with a prefix, in the order of their code points."""
    if not (prefix.isascii() and prefix.isprintable()):
        return []  # keys are ASCII

    def build() -> Query:
        condition = ArtifactCollection.latest_id.is_null(False)
        condition &= ArtifactCollection.key >= slot("first")
        condition &= ArtifactCollection.key < slot("end")
        keys = ArtifactCollection.select(ArtifactCollection.key).where(condition)
        return keys.order_by(ArtifactCollection.key).limit(slot("limit"))

    end = f"{prefix[:-1]}{chr(ord(prefix[-1]) + 1)}" if prefix else _ABOVE_ALL_KEYS
    values = {
        "first": prefix,
        "end": end,
        "limit": db.dialect.unlimited if limit is None else limit,
    }
    return [str(key) for (key,) in db.fetch_all("lookup.keys", build, values)]


def explain_missing(db: Statements, ref: object) -> str:
    """Return a sentence that says what is there instead of an artifact that is not."""
    reference = references.parse(ref)
    sentence = f"There is no artifact {shown(ref)}"
    if isinstance(ref, Artifact):
        sentence = f"The artifact {ref.ref} was deleted"
    if reference.key is None or reference.id is not None:
        return f"{sentence}."

    versions = read_versions(db, reference.key)
    if versions:
        if reference.alias is not None:
            there = f"{aliases_text(db, reference.key)}; latest is version {versions[-1]}"
        else:
            noun = "version" if len(versions) == 1 else "versions"
            there = f"{noun} {ranges_text(versions)}; latest is {versions[-1]}"
        return f"{sentence}: {reference.key} has {there}."

    if not reference.is_latest or str(ref) != reference.key:
        sentence += f": the key {reference.key} has no versions"
    similar = get_close_matches(reference.key, read_keys(db, limit=_MOST_KEYS), n=1, cutoff=0.75)
    return f"{sentence}. Is it {similar[0]}?" if similar else f"{sentence}."


def aliases_text(db: Statements, key: str) -> str:
    """Return the aliases of a key in words."""

    def build() -> Query:
        of_key = ArtifactAlias.select(ArtifactAlias.name).where(ArtifactAlias.key == slot("key"))
        return of_key.order_by(ArtifactAlias.name).limit(_MOST_ALIASES + 1)

    rows = db.fetch_all("lookup.aliases", build, {"key": key})
    names = [name for (name,) in rows[:_MOST_ALIASES]]
    if len(rows) > _MOST_ALIASES:
        names.append("...")
    if not names:
        return "no aliases"
    noun = "the alias" if len(names) == 1 else "the aliases"
    return f"{noun} {', '.join(names)}"


def read_versions(db: Statements, key: str) -> list[int]:
    """Return the newest versions of a key, in ascending order."""

    def build() -> Query:
        of_key = ArtifactTable.select(ArtifactTable.version).where(ArtifactTable.key == slot("key"))
        return of_key.order_by(ArtifactTable.version.desc()).limit(slot("limit"))

    rows = db.fetch_all("lookup.versions", build, {"key": key, "limit": _MOST_VERSIONS})
    return sorted(version for (version,) in rows)


def ranges_text(versions: Iterable[int]) -> str:
    """Return versions in words; of many ranges the newest.

    Args:
        versions: in ascending order.

    Examples:
        >>> ranges_text([1, 2, 3, 4, 6]), ranges_text([7])
        ('1-4 and 6', '7')
        >>> ranges_text(range(1, 30, 3))
        '..., 16, 19, 22, 25 and 28'
    """
    numbers = list(versions)
    starts = [numbers[0]]
    ends: list[int] = []
    for number, following in pairwise(numbers):
        if following != number + 1:
            ends.append(number)
            starts.append(following)
    ends.append(numbers[-1])

    ranges: list[str] = []
    for start, end in zip(starts, ends, strict=True):
        ranges.append(str(start) if start == end else f"{start}-{end}")
    if len(ranges) > _MOST_RANGES:
        ranges = ["...", *ranges[-_MOST_RANGES:]]
    if len(ranges) == 1:
        return ranges[0]
    return f"{', '.join(ranges[:-1])} and {ranges[-1]}"
