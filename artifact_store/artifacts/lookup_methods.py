"""The methods of a store that find artifacts by reference and compare them."""

from collections.abc import Sequence
from uuid import UUID

from .. import artifacts, differences
from ..base import StoreBase
from ..errors import InvalidQuery
from ..schemas.artifacts import Artifact
from ..wording import shown

__all__ = ["LookupMethods"]


class LookupMethods(StoreBase):
    """The methods of a store that find artifacts by reference and compare them."""

    def get(self, ref: str | UUID | Artifact) -> Artifact:
        """Return the artifact that a reference names, or raise an error that says what is there instead.

        Args:
            ref: `key` or `key@latest` (its latest version), `key@3` (that version), `key@prod` (the version that the
                alias names), an id, or an artifact, which is read anew.

        Returns:
            The artifact. Where `None` is easier than an error, use `read_artifact_ref`.

        Raises:
            InvalidQuery: it is not a reference.
            ArtifactNotFound: there is no such artifact; also a `LookupError`.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> created = store.create_artifacts({"key": "sales", "data": n} for n in (12, 15))
            >>> store.get("sales").data, store.get("sales@1").data
            (15, 12)
            >>> store.get("sales@7")
            Traceback (most recent call last):
            ...
            artifact_store.errors.ArtifactNotFound: There is no artifact 'sales@7': sales has versions 1-2; latest is 2.
        """
        return artifacts.lookup.get(self._db, ref)

    def __contains__(self, ref: object) -> bool:
        """Return whether there is an artifact of this reference: `"sales" in store`, `"sales@3" in store`.

        Text that is not a reference is not in the store.
        """
        try:
            return artifacts.references.exists(self._db, ref)
        except InvalidQuery:
            return False

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that have an artifact.

        Args:
            prefix: only keys that start with it; case counts.

        Returns:
            The keys, in the order of their code points.

        Raises:
            InvalidQuery: the prefix is not text.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> keys = ["reports/june", "sales", "reports/july"]
            >>> created = store.create_artifacts({"key": key, "data": 1} for key in keys)
            >>> store.keys(prefix="reports/")
            ['reports/july', 'reports/june']
        """
        if not isinstance(prefix, str):
            raise InvalidQuery(f"Invalid prefix {shown(prefix)}: expected text.")
        return self._reader(artifacts.lookup.read_keys, prefix)

    def diff(
        self,
        a: str | UUID | Artifact,
        b: str | UUID | Artifact | None = None,
        *,
        key: str | Sequence[str] | None = None,
    ) -> "differences.diff.Diff":
        """Return what is different between two artifacts: their type, data, metadata and description.

        Tables are compared cell by cell, text line by line, and anything else value by value. Two values are equal
        when their JSON is: 1 is not 1.0, and the order of keys, rows and columns counts.

        Args:
            a: the older artifact, as a reference or an artifact. Without `b` the newer one, which is compared with
                the version before it that exists.
            b: the newer artifact.
            key: the column, or the columns, that tell the rows of a table apart. Without it, equal rows are matched
                first, then those between them by position.

        Returns:
            A `Diff`: `equal`, `summary` (short sentences), `changes`, and `apply(data)`, which makes the newer data of
            the older.

        Raises:
            InvalidQuery: something is not a reference, or the key does not fit the rows.
            ArtifactNotFound: there is no such artifact, or no version before it.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> monday = store.create_artifact(key="model", data={"acc": 0.93, "epochs": 4})
            >>> tuesday = store.create_artifact(key="model", data={"acc": 0.71, "epochs": 4})
            >>> diff = store.diff("model")
            >>> diff
            <Diff model@1 → model@2: `acc` 0.93 → 0.71 (-0.22)>
            >>> diff.apply(monday.data) == tuesday.data
            True
        """
        columns = differences.diff.key_columns(key)
        older, newer = artifacts.lookup.get_pair(self._db, a, b)
        return differences.diff.compare(older, newer, (older.ref, newer.ref), columns)
