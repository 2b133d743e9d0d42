"""The methods of a store that tell how the numbers of a key went, and what lies around an artifact."""

import contextlib
from collections.abc import Iterable

from peewee import Case, Select, fn
from pydantic_core import from_json

from . import figures, models
from .errors import InvalidArtifact, InvalidQuery
from .profile import changes, known_profile, profile_table
from .rendering.surroundings import Point, Surroundings, ref_of
from .replica import Reader
from .runs import bounds, made_by
from .schemas import Artifact, is_key
from .statements import Query, Statements, slot

__all__ = ["SeriesStore"]

_A, _C = models.Artifact, models.ArtifactCollection
_LARGEST_TREND = 1000
_COMPARED = 262_144  # characters of a previous table without a profile that are read to tell what changed


class SeriesStore:
    """The methods of a store that tell how numbers went, and what lies around an artifact."""

    _ask: Reader

    def read_series(self, key: str, field: str | None = None, *, limit: int | None = None) -> list[Point]:
        """Return how a number of a key went from version to version.

        Args:
            key: the key.
            field: which number: `data` (a progress, or any data that is a number), `data.accuracy` (a number in
                data that is an object), `rows` (how many rows a table has), `metadata.loss`, or `loss` for short.
                Without it, the first of `series_fields`.
            limit: how many points to return at the most, the newest of them; `None` is all.

        Returns:
            Points `(version, created, value)`, oldest first; versions that do not have the number are left out.

        Raises:
            InvalidQuery: no version of the key has such a number; the sentence names those that there are.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts({"key": "model", "metadata": {"loss": 1 / n}} for n in (1, 2, 4))
            >>> [(point.version, point.value) for point in store.read_series("model", "loss", limit=2)]
            [(2, 0.5), (3, 0.25)]
        """
        _, most = bounds(None, limit)
        if not is_key(key):
            return []
        wanted = self._field(key, field)
        if wanted is None:
            return []
        found = self._ask(lambda db: figures.points(db, key, wanted, most))
        if not found and field is not None and most != 0:
            newest = self._ask(lambda db: figures.newest(db, key, figures.WINDOW))
            if newest:
                fields = ", ".join(figures.best_first(newest)[:20])
                known = f"use one of {fields}" if fields else "its versions carry none"
                raise InvalidQuery(f"{key} has no number called {field[:300]!r}: {known}.")
        return found

    def _field(self, key: str, field: str | None) -> str | None:
        """Return the whole name of a number."""
        if field is None:
            return next(iter(self.series_fields(key)), None)
        if not isinstance(field, str) or not field:
            raise InvalidQuery(
                f"field={field!r:.80} is no name of a number: pass data, rows, metadata.loss or the like."
            )
        return field if field in ("data", "rows") or field.startswith(("data.", "metadata.")) else f"metadata.{field}"

    def series_fields(self, key: str) -> list[str]:
        """Return which numbers a key has, the most telling first.

        The newest 50 versions are looked at, by their metadata, profiles and data of up to 16 KB. Numbers that
        vary come first, then those that more versions have; among equals `data` comes before metadata, members
        of the data, and `rows`.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> rows = {"type": "table", "data": [{"day": 1}], "metadata": {"wind": 3.5}}
            >>> made = store.create_artifacts([{"key": "weather", **rows}])
            >>> store.series_fields("weather")
            ['metadata.wind', 'rows']
        """
        if not is_key(key):
            return []
        return figures.best_first(self._ask(lambda db: figures.newest(db, key, figures.WINDOW)))

    def read_trends(self, keys: Iterable[str], limit: int = 20) -> dict[str, list[Point]]:
        """Return how the most telling number of each of many keys went, for a list with a sparkline beside each.

        One statement reads the newest versions of all keys: their metadata, profiles and data of up to 16 KB,
        so the number is the first of `series_fields` within these versions.

        Args:
            keys: the keys.
            limit: how many of the newest versions to look at, 1 to 1,000.

        Returns:
            Points by key, oldest first, for every key that was asked for; none for a key without numbers.

        Raises:
            InvalidQuery: the limit is out of range.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> made = store.create_artifacts({"key": key, "data": n} for n in range(3) for key in ("a", "b"))
            >>> [point.value for point in store.read_trends(["a", "b"], limit=2)["b"]]
            [1.0, 2.0]
        """
        if type(limit) is not int or not 1 <= limit <= _LARGEST_TREND:
            raise InvalidQuery(f"limit={limit!r:.80} is no whole number from 1 to {_LARGEST_TREND:,}.")
        asked = list(dict.fromkeys(keys))
        known = [key for key in asked if is_key(key)]
        found = self._ask(lambda db: figures.newest_of_keys(db, known, limit)) if known else {}
        return {key: _trend(found.get(key, []))[1] for key in asked}

    def read_surroundings(self, artifact: Artifact) -> Surroundings:
        """Return what lies around an artifact: its neighbours, its run, what changed, and how its numbers went.

        No payload of another version is read but a previous table of up to 256 KB that has no profile.

        Args:
            artifact: an artifact of this store.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> first = store.create_artifact(key="wind", type="table", data=[{"wind": 3}])
            >>> second = store.create_artifact(key="wind", type="table", data=[{"wind": 3}, {"wind": 5}])
            >>> around = store.read_surroundings(second)
            >>> around.previous, around.next, around.changes, around.field
            ('wind@1', None, ('rows +1',), 'rows')
        """
        primary = self._ask.primary
        return self._ask(lambda db: _surroundings(db if db is primary or _has(db, artifact) else primary, artifact))


def _trend(versions: list[figures.Version]) -> tuple[str | None, list[Point]]:
    field = next(iter(figures.best_first(versions)), None)
    return field, figures.points_of(versions, field)


def _has(db: Statements, artifact: Artifact) -> bool:
    """Tell whether a replica has an artifact yet; where it has not, it would tell of older neighbours."""
    here = db.row("series.has", lambda: _A.select(_A.id).where(_A.id == slot("id")), {"id": str(artifact.id)})
    return here is not None


def _surroundings(db: Statements, artifact: Artifact) -> Surroundings:
    flow_run, flow, task_run = made_by(db, artifact.flow_run_id, artifact.task_run_id)
    key, version = artifact.key, artifact.version
    if key is None or version is None:
        return Surroundings(ref_of(artifact), flow_run=flow_run, flow=flow, task_run=task_run)
    previous, following, latest = _neighbours(db, key, version)
    field, series = _trend(figures.newest(db, key, figures.WINDOW))
    return Surroundings(
        ref=ref_of(artifact),
        previous=None if previous is None else f"{key}@{previous}",
        next=None if following is None else f"{key}@{following}",
        latest=latest,
        flow_run=flow_run,
        flow=flow,
        task_run=task_run,
        changes=tuple(_changes(db, artifact, key, previous)) if previous is not None else (),
        field=field,
        series=tuple(series),
    )


def _neighbours(db: Statements, key: str, version: int) -> tuple[int | None, int | None, int | None]:
    """Return the versions before and after one, and the latest, of those that there are."""

    def build() -> Query:
        of_key = _A.key == slot("key")
        before = _A.select(fn.MAX(_A.version)).where(of_key & (_A.version < slot("version")))
        after = _A.select(fn.MIN(_A.version)).where(of_key & (_A.version > slot("version")))
        return Select(columns=[before, after, _C.select(_C.latest_version).where(_C.key == slot("key"))])

    previous, following, latest = db.row("series.neighbours", build, {"key": key, "version": version}) or (None,) * 3
    return previous, following, latest


def _changes(db: Statements, artifact: Artifact, key: str, previous: int) -> list[str]:
    """Tell what changed in a table since its previous version, by their profiles."""
    if artifact.type != "table":
        return []

    def build() -> Query:
        uncounted = _A.profile.is_null() & db.dialect.at_most(_A.data, _COMPARED)
        columns = _A.profile, Case(None, ((uncounted, _A.data),))
        of_version = (_A.key == slot("key")) & (_A.version == slot("version")) & (_A.type == "table")
        return _A.select(*columns).where(of_version)

    row = db.row("series.previous", build, {"key": key, "version": previous})
    profile, data = row or (None, None)
    with contextlib.suppress(InvalidArtifact):  # what calls itself a table may be none
        if profile is None and data is None:
            return []
        before = from_json(profile) if profile is not None else profile_table(from_json(data))
        after = known_profile(artifact.profile) or profile_table(artifact.data)
        return changes(before, after)
    return []
