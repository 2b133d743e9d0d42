"""The methods of a store that wait for new versions."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from .. import artifacts, filters
from ..base import StoreBase
from ..durations import seconds_of
from ..errors import InvalidQuery
from ..jsonable.encoders import MAX_INT64
from ..schemas.artifacts import Artifact
from ..schemas.keys import is_key
from ..schemas.sorting import ArtifactSort
from ..wording import shown
from .listing import listing_query

__all__ = ["WaitingMethods"]


class WaitingMethods(StoreBase):
    """The methods of a store that wait for new versions."""

    def wait_for_artifact(
        self,
        key: str | Artifact,
        *,
        after_version: int | None = None,
        timeout: float | timedelta | str | None = None,
    ) -> Artifact | None:
        """Wait until a key has an artifact, or one that is newer than a version, and return it.

        The database is asked again and again: every few milliseconds at first, and once a second in
        the end. In between no transaction and no lock is held.

        Args:
            key: the key, or an artifact of it.
            after_version: wait for a version after this one; `None`, the default, is content with
                any, and returns at once if there is one.
            timeout: how long to wait: seconds, a timedelta, or text such as `"30s"` or `"5m"`; 0
                only looks once. `None`, the default, waits as long as it takes.

        Returns:
            The latest artifact of the key, or `None` if the time has passed.

        Raises:
            InvalidQuery: an argument is invalid, or the call is inside a block or a snapshot.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> sales = store.create_artifact(key="sales", data=[12])
            >>> store.wait_for_artifact("sales").version
            1
            >>> store.wait_for_artifact("sales", after_version=1, timeout=0.05) is None
            True
        """
        of_key = artifacts.references.key_of(key)
        after = 0 if after_version is None else check_position("after_version", after_version)
        seconds = None if timeout is None else seconds_of(timeout, "timeout")
        return artifacts.waiting.wait(self._db, of_key, after, seconds)

    def watch(
        self,
        keys: str | Artifact | Iterable[str | Artifact] | None = None,
        *,
        after: Mapping[str, int] | int | None = None,
        artifact_filter: "filters.definitions.ArtifactFilter | None" = None,
    ) -> Iterator[Artifact]:
        """Yield every new version of some keys, and wait for more, for as long as it is iterated.

        The versions of a key come in their order: none is skipped, none comes twice, however many
        writers there are and however late they commit. Versions that are deleted before they are
        read are not delivered. Artifacts without a key are not watched.

        A consumer that must go on where it was keeps its position: for each key the last version
        that it has handled, `position[artifact.key] = artifact.version`. If it stores the position
        in the transaction of its work, each version takes effect exactly once.

        The database is asked again and again, as by `wait_for_artifact`. A version arrives within
        a tenth of a second while versions keep coming, and within about a second otherwise.

        Args:
            keys: a key, several, or artifacts of them; keys that do not exist yet may be among
                them. `None`, the default, is all keys, also those that are created later.
            after: the position: a dict of versions by key, where a key that is missing is watched
                from its first version; or one version for all keys. `0` or `{}` is from the first
                version. `None`, the default, is from now on.
            artifact_filter: yield only artifacts that match.

        Returns:
            An iterator of the artifacts, which does not end by itself.

        Raises:
            InvalidQuery: an argument is invalid, or the call, or the iteration, is inside a block
                or a snapshot.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> news = store.watch("sales")
            >>> created = store.create_artifacts({"key": "sales", "data": n} for n in (12, 15))
            >>> [next(news).ref, next(news).ref]
            ['sales@1', 'sales@2']
            >>> next(store.watch("sales", after={"sales": 1})).data
            15
        """
        artifacts.waiting.refuse_in_block(self._db, "watch")
        watched = self._watched_keys(keys)
        position, start = check_after(after)
        listing = listing_query(
            self._db, ArtifactSort.KEY_ASC, {"artifact_filter": artifact_filter}
        )
        if after is None:
            position = watched.read()
        return artifacts.waiting.NewVersions(self._db, watched, position, start, listing)

    def _watched_keys(
        self, keys: str | Artifact | Iterable[str | Artifact] | None
    ) -> "artifacts.waiting.WatchedKeys":
        if keys is None:
            return artifacts.waiting.AllKeys(self._db)
        if isinstance(keys, str | Artifact):
            keys = [keys]
        if isinstance(keys, Mapping | bytes) or not isinstance(keys, Iterable):
            raise InvalidQuery(f"Invalid keys {shown(keys)}: expected a key, or a list of keys.")
        names = list(dict.fromkeys(artifacts.references.key_of(key) for key in keys))
        if not names:
            raise InvalidQuery("There are no keys to watch: name some, or leave keys out for all.")
        return artifacts.waiting.GivenKeys(self._db, names)


def check_after(after: object) -> "tuple[artifacts.waiting.Position, int]":
    """Return the position of each key, and that of keys that are not in it.

    Raises:
        InvalidQuery: it is not a position.
    """
    if after is None:
        return {}, 0
    if not isinstance(after, Mapping):
        return {}, check_position("after", after)
    for key, version in after.items():
        if not is_key(key):
            raise InvalidQuery(f"Invalid key {shown(key)} in after: expected versions by key.")
        check_position(f"after[{key!r}]", version)
    return dict(after), 0


def check_position(name: str, version: object) -> int:
    """Return a version after which to begin.

    Raises:
        InvalidQuery: it is neither a version nor 0.
    """
    if type(version) is not int or not 0 <= version <= MAX_INT64:
        raise InvalidQuery(f"Invalid {name} {shown(version)}: expected a version, or 0.")
    return version
