"""The methods of a store that tell how the numbers of a key went, and what lies around an artifact."""

from collections.abc import Iterable

from .. import artifacts, db, rendering
from ..base import StoreBase
from ..errors import InvalidQuery
from ..schemas.artifacts import Artifact, is_key
from ..schemas.sorting import bounds
from ..wording import shown

__all__ = ["SeriesMethods"]

_LARGEST_TREND = 1000


class SeriesMethods(StoreBase):
    """The methods of a store that tell how numbers went, and what lies around an artifact."""

    def read_series(
        self, key: str, field: str | None = None, *, limit: int | None = None
    ) -> "list[rendering.context.Point]":
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
        found = self._reader(artifacts.metrics.points, key, wanted, most)
        if not found and field is not None and most != 0:
            newest = self._reader(artifacts.metrics.newest, key, artifacts.metrics.WINDOW)
            if newest:
                fields = ", ".join(artifacts.metrics.best_first(newest)[:20])
                known = f"use one of {fields}" if fields else "its versions carry none"
                raise InvalidQuery(f"{key} has no number called {field[:300]!r}: {known}.")
        return found

    def _field(self, key: str, field: str | None) -> str | None:
        """Return the whole name of a number."""
        if field is None:
            return next(iter(self.series_fields(key)), None)
        if not isinstance(field, str) or not field:
            raise InvalidQuery(
                f"Invalid field {shown(field)}: expected the name of a number, such as data, rows or metadata.loss."
            )
        return (
            field
            if field in ("data", "rows") or field.startswith(("data.", "metadata."))
            else f"metadata.{field}"
        )

    def series_fields(self, key: str) -> list[str]:
        """Return which numbers a key has, the most telling first.

        The newest 50 versions are looked at, by their metadata, profiles and data of up to 16 KB. Numbers that
        vary come first, then those that more versions have; among equals `data` comes before metadata, members
        of the data, and `rows`.

        Args:
            key: the key.

        Returns:
            The names that `read_series` takes as its field; empty when the key has no numbers.

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
        return artifacts.metrics.best_first(
            self._reader(artifacts.metrics.newest, key, artifacts.metrics.WINDOW)
        )

    def read_trends(
        self, keys: Iterable[str], limit: int = 20
    ) -> "dict[str, list[rendering.context.Point]]":
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
            raise InvalidQuery(
                f"limit must be an int from 1 to {_LARGEST_TREND:,}, got {shown(limit)}."
            )
        asked = list(dict.fromkeys(keys))
        known = [key for key in asked if is_key(key)]
        found = self._reader(artifacts.metrics.newest_of_keys, known, limit) if known else {}
        return {key: artifacts.context.trend(found.get(key, []))[1] for key in asked}

    def read_surroundings(self, artifact: Artifact) -> "rendering.context.ArtifactContext":
        """Return what lies around an artifact: its neighbours, its run, what changed, and how its numbers went.

        No payload of another version is read but a previous table of up to 256 KB that has no profile.

        Args:
            artifact: an artifact of this store.

        Returns:
            An `ArtifactContext`.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> first = store.create_artifact(key="wind", type="table", data=[{"wind": 3}])
            >>> second = store.create_artifact(key="wind", type="table", data=[{"wind": 3}, {"wind": 5}])
            >>> around = store.read_surroundings(second)
            >>> around.previous, around.next, around.changes, around.field
            ('wind@1', None, ('rows +1',), 'rows')
        """
        if not isinstance(artifact, Artifact):
            raise InvalidQuery(
                f"{shown(artifact)} is not an Artifact: read it first, with read_artifact_ref."
            )
        primary = self._reader.primary

        def read(db: "db.statements.Statements") -> "rendering.context.ArtifactContext":
            known = db is primary or artifacts.context.has(db, artifact)
            return artifacts.context.read_surroundings(db if known else primary, artifact)

        return self._reader(read)
