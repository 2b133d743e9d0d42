"""The methods of a store that read the history of a key: its versions, numbers and contexts."""

from collections.abc import Iterable
from typing import overload
from uuid import UUID

from .. import artifacts, db, differences, rendering, runs, schemas
from ..base import StoreBase
from ..errors import InvalidQuery
from ..jsonable.encoders import MAX_INT64
from ..schemas.artifacts import Artifact, is_key
from ..schemas.sorting import check_page
from ..wording import shown

__all__ = ["HistoryMethods"]

_LARGEST_TREND = 1000


class HistoryMethods(StoreBase):
    """The methods of a store that read the history of a key."""

    def read_history(
        self,
        key: str | Artifact,
        field: str | None = None,
        *,
        limit: int | None = None,
    ) -> "schemas.history.ArtifactHistory":
        """Return the versions of a key, each with its flow run and its value of one number.

        The number of statements does not depend on the number of versions, unless the number has to
        be read from payloads: tables without a profile are read 50 at a time, and other data 20 at
        a time. The newest 50 versions are compared with the one before each, as far as their data
        fits into 2 MB together; larger tables by their profiles.

        Args:
            key: the key, or an artifact of it.
            field: the number, as `read_series` takes it; by default the first of `series_fields`.
            limit: the maximum number of versions, the newest of them; `None`, the default, is all.

        Returns:
            The history. It has no versions when the key has none.

        Raises:
            InvalidQuery: no version of the key has such a number, or the limit is out of range.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts({"key": "model", "metadata": {"loss": 1 / n}} for n in (1, 2, 4))
            >>> history = store.read_history("model", limit=2)
            >>> history.field, history.complete
            ('metadata.loss', False)
            >>> [(version.artifact.ref, version.value) for version in history.versions]
            [('model@3', 0.25), ('model@2', 0.5)]
        """
        _, limit = check_page(None, limit)
        name = key_of(key)
        if name is None:
            return schemas.history.ArtifactHistory()

        one_more = None if limit is None else min(limit + 1, MAX_INT64)
        found = self._reader(artifacts.queries.read_versions, name, one_more)
        if not found:
            return schemas.history.ArtifactHistory()

        field = self._metric(name, field)
        series = [] if field is None else self.read_series(name, field, limit=limit)
        values = {point.version: point.value for point in series}
        versions = found[:limit]
        flow_runs = self._flow_runs_of(versions)
        since = self._since_of(name, versions)

        rows = []
        for index, each in enumerate(versions):
            older = found[index + 1].ref if index + 1 < len(found) else None
            run = None if each.flow_run_id is None else flow_runs.get(each.flow_run_id)
            value = None if each.version is None else values.get(each.version)
            version = schemas.history.ArtifactVersion(each, run, value, previous=older)
            changed = since.get(each.ref)
            # Of a version that was deleted or updated meanwhile nothing is said.
            if changed is not None and changed.diff.before == older:
                version = version._replace(changes=changed.changes, compared=changed.compared)
            rows.append(version)
        return schemas.history.ArtifactHistory(
            versions=tuple(rows),
            field=field,
            series=tuple(series),
            complete=len(found) == len(versions),
        )

    def _since_of(
        self, key: str, versions: list[Artifact]
    ) -> "dict[str, differences.versions.Since]":
        """Return what changed in the newest of some versions of a key, by their references."""
        if not versions:
            return {}
        newest = versions[0].version or 0
        found = self._reader(artifacts.since.read_since_of_key, key, newest, len(versions))
        return {since.diff.after: since for since in found}

    def _flow_runs_of(self, versions: list[Artifact]) -> "dict[UUID, schemas.runs.FlowRun]":
        """Return the flow runs of some artifacts, by id."""
        ids = {each.flow_run_id for each in versions if each.flow_run_id is not None}
        if not ids:
            return {}
        found = self._reader(runs.queries.FLOW_RUNS.read_many, sorted(ids))
        return {run.id: run for run in found}

    def read_series(
        self,
        key: str | Artifact,
        field: str | None = None,
        *,
        limit: int | None = None,
    ) -> "schemas.history.Series":
        """Return the values of a number of a key, version by version.

        Args:
            key: the key, or an artifact of it.
            field: the number: `data` (a progress, or any data that is a number), `data.accuracy` (a
                number in data that is an object), `rows` (the number of rows of a table),
                `metadata.loss`, or `loss` for short. By default the first of `series_fields`.
            limit: the maximum number of points, the newest of them; `None`, the default, is all.

        Returns:
            Points `(version, created, value)`, oldest first. Versions without the number are left
            out.

        Raises:
            InvalidQuery: no version of the key has such a number; the message names those that
                there are.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts({"key": "model", "metadata": {"loss": 1 / n}} for n in (1, 2, 4))
            >>> [(point.version, point.value) for point in store.read_series("model", "loss", limit=2)]
            [(2, 0.5), (3, 0.25)]
        """
        _, limit = check_page(None, limit)
        name = key_of(key)
        if name is None:
            return schemas.history.Series()
        metric = self._metric(name, field)
        if metric is None:
            return schemas.history.Series()
        found = self._reader(artifacts.metrics.points, name, metric, limit)
        if not found and field is not None and limit != 0:
            newest = self._reader(artifacts.metrics.newest, name, artifacts.metrics.WINDOW)
            if newest:
                fields = ", ".join(artifacts.metrics.best_first(newest)[:20])
                hint = f"use one of {fields}" if fields else "its versions carry none"
                raise InvalidQuery(f"{name} has no number called {field[:300]!r}: {hint}.")
        series = schemas.history.Series(found)
        series.key = name
        series.field = metric
        return series

    def _metric(self, key: str, field: str | None) -> str | None:
        """Return the full name of a number, by default of the first that a key has."""
        if field is not None:
            return artifacts.metrics.full_name(field)
        fields = self.series_fields(key)
        return fields[0] if fields else None

    def series_fields(self, key: str | Artifact) -> list[str]:
        """Return which numbers a key has, the most informative first.

        The newest 50 versions are read: their metadata, profiles and data of up to 16 KB. Numbers
        that vary come first, then those that more versions have; among equals `data` comes before
        metadata, members of the data, and `rows`.

        Args:
            key: the key, or an artifact of it.

        Returns:
            The names that `read_series` takes as its field; empty when the key has no numbers.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> rows = {"type": "table", "data": [{"day": 1}], "metadata": {"wind": 3.5}}
            >>> created = store.create_artifacts([{"key": "weather", **rows}])
            >>> store.series_fields("weather")
            ['metadata.wind', 'rows']
        """
        name = key_of(key)
        if name is None:
            return []
        newest = self._reader(artifacts.metrics.newest, name, artifacts.metrics.WINDOW)
        return artifacts.metrics.best_first(newest)

    def read_trends(
        self,
        keys: Iterable[str],
        limit: int = 20,
    ) -> "dict[str, list[rendering.context.Point]]":
        """Return the values of the most informative number of each key, for a list of sparklines.

        One statement reads the newest versions of all keys: their metadata, profiles and data of up
        to 16 KB, so the number is the first of `series_fields` within these versions.

        Args:
            keys: the keys.
            limit: how many of the newest versions of each key are read, 1 to 1,000; by default 20.

        Returns:
            Points by key, oldest first, for each of the keys; an empty list for a key without
            numbers.

        Raises:
            InvalidQuery: the limit is out of range.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts({"key": key, "data": n} for n in range(3) for key in ("a", "b"))
            >>> [point.value for point in store.read_trends(["a", "b"], limit=2)["b"]]
            [1.0, 2.0]
        """
        if type(limit) is not int or not 1 <= limit <= _LARGEST_TREND:
            raise InvalidQuery(
                f"limit must be an int from 1 to {_LARGEST_TREND:,}, got {shown(limit)}."
            )
        distinct = list(dict.fromkeys(keys))
        valid = [key for key in distinct if is_key(key)]
        newest = self._reader(artifacts.metrics.newest_of_keys, valid, limit) if valid else {}
        return {key: artifacts.context.trend(newest.get(key, []))[1] for key in distinct}

    @overload
    def read_surroundings(self, artifact: Artifact) -> "rendering.context.ArtifactContext": ...
    @overload
    def read_surroundings(
        self, artifact: str | UUID
    ) -> "rendering.context.ArtifactContext | None": ...
    def read_surroundings(
        self, artifact: str | UUID | Artifact
    ) -> "rendering.context.ArtifactContext | None":
        """Return the context of an artifact: its neighbours, its run, its changes and its numbers.

        The previous version is read and compared if its data and those of the artifact have up to
        1 MB of JSON each. Of larger tables the profiles are compared, of other data nothing.

        Args:
            artifact: an artifact of this store, or a reference to one.

        Returns:
            The context; `None` if a reference names no artifact.

        Raises:
            InvalidQuery: it is not a reference.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> first = store.create_artifact(key="wind", type="table", data=[{"wind": 3}])
            >>> second = store.create_artifact(key="wind", type="table", data=[{"wind": 3}, {"wind": 5}])
            >>> context = store.read_surroundings(second)
            >>> context.previous, context.next, context.changes, context.field
            ('wind@1', None, ('1 row added',), 'rows')
        """
        primary = self._reader.primary
        if isinstance(artifact, Artifact):
            known = artifact
        else:
            found = artifacts.references.read(primary, artifact)
            if found is None:
                return None
            known = found

        def read(db: "db.statements.Statements") -> "rendering.context.ArtifactContext":
            # A replica that does not have the artifact yet would return older neighbours.
            is_current = db is primary or artifacts.queries.exists(db, known.id)
            return artifacts.context.read_context(db if is_current else primary, known)

        return self._reader(read)

    def read_provenance(
        self, versions: Iterable[Artifact]
    ) -> "dict[UUID, rendering.context.Provenance]":
        """Return what artifacts were made from and used by, in one statement.

        Args:
            versions: the artifacts.

        Returns:
            One step of the lineage in each direction by the id of the artifact, as in
            `read_surroundings`; nothing for an artifact that has none.

        Raises:
            InvalidQuery: one of them is not an artifact.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> store.read_provenance([store.create_artifact(key="wind", data=3)])
            {}
        """
        if not isinstance(versions, Iterable):
            raise InvalidQuery(f"Invalid versions {shown(versions)}: expected artifacts.")
        ids = []
        for each in versions:
            if not isinstance(each, Artifact):
                raise InvalidQuery(f"Invalid version {shown(each)}: expected an artifact.")
            ids.append(each.id)
        return self._reader(artifacts.provenance.read_provenances, ids) if ids else {}


def key_of(value: object) -> str | None:
    """Return the key of an argument, which may be an artifact; `None` if no artifact can have it."""
    if isinstance(value, Artifact):
        return value.key
    return value if is_key(value) else None
