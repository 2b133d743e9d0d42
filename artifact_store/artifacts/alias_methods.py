"""The methods of a store for aliases: names such as `prod` for one version of a key."""

from typing import TYPE_CHECKING

from .. import artifacts
from ..base import StoreBase
from ..errors import InvalidQuery
from ..schemas.aliases import Alias, AliasMove, check_alias_name
from ..schemas.artifacts import Artifact
from ..schemas.keys import is_version
from ..unset import UNSET, Unset
from ..wording import shown

if TYPE_CHECKING:
    from .references import Reference

__all__ = ["AliasMethods"]


class AliasMethods(StoreBase):
    """The methods of a store for aliases."""

    def set_alias(
        self,
        key: str | Artifact,
        name: str,
        version: int | None = None,
        *,
        expect: int | Unset | None = UNSET,
    ) -> Alias:
        """Let an alias name a version of a key: `sales@prod` then reads that version.

        While an alias names a version, that is protected: it is not deleted, and its data and type
        do not change, unless `force=True` is given. Every move is recorded, with the current flow
        run.

        Args:
            key: the key; or a reference to the version, such as `sales@3`, `sales@staging` or an
                artifact.
            name: the name of the alias: 1 to 64 letters, digits and `. _ -`, not only digits, and
                not `latest`. Upper and lower case differ.
            version: the version; `None`, the default, is the latest, or the one that `key` names.
            expect: the version that the alias must name now; `None` if it must not exist yet.
                Without it, the alias is set whatever it names.

        Returns:
            The alias. If it named that version already, nothing is recorded.

        Raises:
            InvalidQuery: the key, the name or a version is invalid.
            ArtifactNotFound: there is no such version; the message says what there is.
            VersionConflict: the alias does not name the expected version; nothing is changed.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> models = store.create_artifacts({"key": "model", "data": n} for n in (0.91, 0.93))
            >>> store.set_alias("model", "prod", 1)
            <Alias model@prod is version 1>
            >>> store.set_alias("model", "prod", 2, expect=1).version
            2
            >>> store.get("model@prod").data
            0.93
        """
        target = target_of(key, version)
        alias_name = check_alias_name(name)
        check_expected(expect)
        return artifacts.aliases.set_alias(self._writer, target, alias_name, expect)

    def delete_alias(
        self, key: str | Artifact, name: str, *, expect: int | Unset | None = UNSET
    ) -> bool:
        """Delete an alias; the version that it names stays, and is no longer protected by it.

        Args:
            key: the key, or an artifact of it.
            name: the name of the alias.
            expect: the version that the alias must name now; `None` if it must not exist. Without
                it, the alias is deleted whatever it names.

        Returns:
            Whether the alias existed.

        Raises:
            InvalidQuery: the key, the name or the version is invalid.
            VersionConflict: the alias does not name the expected version; nothing is changed.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> model = store.create_artifact(key="model", data=0.91)
            >>> alias = store.set_alias("model", "prod")
            >>> store.delete_alias("model", "prod"), store.delete_alias("model", "prod")
            (True, False)
        """
        plain_key = key_argument(key)
        alias_name = check_alias_name(name)
        check_expected(expect)
        return artifacts.aliases.delete_alias(self._writer, plain_key, alias_name, expect)

    def undo_alias(self, key: str | Artifact, name: str) -> AliasMove:
        """Move an alias back to what it named before its last move.

        An alias that was created is deleted, and one that was deleted comes back. To undo is a move
        like any other, so to undo again is to redo.

        Args:
            key: the key, or an artifact of it.
            name: the name of the alias.

        Returns:
            The move that was made.

        Raises:
            InvalidQuery: the key or the name is invalid.
            ArtifactNotFound: the alias was never set, or the version to go back to was deleted.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> models = store.create_artifacts({"key": "model", "data": n} for n in (0.93, 0.71))
            >>> aliases = [store.set_alias(model, "prod") for model in models]
            >>> store.undo_alias("model", "prod")
            <AliasMove model@prod 2 → 1>
            >>> store.get("model@prod").data
            0.93
        """
        plain_key = key_argument(key)
        alias_name = check_alias_name(name)
        return artifacts.aliases.undo_alias(self._writer, plain_key, alias_name)

    def read_aliases(self, key: str | Artifact | None = None) -> list[Alias]:
        """Return the aliases of a key, or of all keys.

        Args:
            key: the key, or an artifact of it; `None`, the default, is every key.

        Returns:
            The aliases, sorted by key and name.

        Raises:
            InvalidQuery: the key is invalid.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> model = store.create_artifact(key="model", data=0.91)
            >>> alias = store.set_alias(model, "prod")
            >>> store.read_aliases()
            [<Alias model@prod is version 1>]
        """
        plain_key = None if key is None else key_argument(key)
        return artifacts.aliases.read_aliases(self._db, plain_key)

    def read_alias_history(self, key: str | Artifact, name: str | None = None) -> list[AliasMove]:
        """Return every move of the aliases of a key. The history of a deleted alias stays.

        Args:
            key: the key, or an artifact of it.
            name: the name of one alias; `None`, the default, is all of them.

        Returns:
            The moves, newest first.

        Raises:
            InvalidQuery: the key or the name is invalid.

        Examples:
            >>> from artifact_store import ArtifactStore
            >>> store = ArtifactStore("sqlite:///:memory:")
            >>> models = store.create_artifacts({"key": "model", "data": n} for n in (0.91, 0.93))
            >>> aliases = [store.set_alias(model, "prod") for model in models]
            >>> store.read_alias_history("model", "prod")
            [<AliasMove model@prod 1 → 2>, <AliasMove model@prod none → 1>]
        """
        plain_key = key_argument(key)
        alias_name = None if name is None else check_alias_name(name)
        return artifacts.aliases.read_moves(self._db, plain_key, alias_name)


def target_of(key: object, version: object) -> "Reference":
    """Return the version that an alias is to name.

    Raises:
        InvalidQuery: the key or the version is invalid, or both name a version.
    """
    if isinstance(key, Artifact) and key.key is not None:
        reference = artifacts.references.Reference(None, key.key, key.version)
    elif isinstance(key, Artifact):
        raise InvalidQuery(f"The artifact {key.id} has no key, so it has no aliases.")
    else:
        reference = artifacts.references.parse(key)
    if reference.key is None:
        raise InvalidQuery(f"{shown(key)} is an id: an alias takes a key, such as sales.")
    if version is None:
        return reference._replace(id=None)

    if not reference.is_latest and reference.version != version:
        raise InvalidQuery(
            f"{shown(key)} names a version already: give only the key, or leave out version={shown(version)}."
        )
    return reference._replace(id=None, version=check_version(version, "version"), alias=None)


def key_argument(key: object) -> str:
    """Return the key of an argument, which may also be an artifact or a reference to the latest.

    Raises:
        InvalidQuery: it is not a key, or names one version.
    """
    reference = artifacts.references.parse(key)
    if isinstance(key, Artifact):
        reference = reference._replace(key=key.key)
    if reference.key is None:
        raise InvalidQuery(f"{shown(key)} has no key, so it has no aliases.")
    if not reference.is_latest:
        raise InvalidQuery(f"{shown(key)} names one version: give only the key, {reference.key!r}.")
    return reference.key


def check_expected(expect: object) -> None:
    """Check what an alias is expected to name.

    Raises:
        InvalidQuery: it is neither a version nor `None`.
    """
    if expect is not UNSET and expect is not None:
        check_version(expect, "expect", " or None")


def check_version(version: object, name: str, also: str = "") -> int:
    """Return an argument that is a version.

    Args:
        version: the argument.
        name: its name, for the error.
        also: what else it may be, for the error.

    Raises:
        InvalidQuery: it is not a whole number from 1.
    """
    if not is_version(version):
        raise InvalidQuery(f"{name} must be a version such as 3{also}, got {shown(version)}.")
    return version
