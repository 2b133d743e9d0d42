"""How the aliases of a key are shown beside one of its versions."""

from collections.abc import Iterable
from typing import Protocol

__all__ = ["NamesVersion", "alias_names", "aliases_text"]


class NamesVersion(Protocol):
    """What is shown of an alias: its name, and the version of the key that it names."""

    @property
    def name(self) -> str:
        """The name."""
        ...

    @property
    def version(self) -> int:
        """The version."""
        ...


def alias_names(aliases: Iterable[NamesVersion], version: int | None) -> tuple[str, ...]:
    """Return the names of the aliases that name one version.

    Args:
        aliases: the aliases of the key.
        version: the version.

    Returns:
        The names, in the order of the aliases.

    Examples:
        >>> from artifact_store import ArtifactStore
        >>> store = ArtifactStore("sqlite:///:memory:")
        >>> models = store.create_artifacts({"key": "model", "data": n} for n in (0.91, 0.93))
        >>> aliases = [store.set_alias(model, name) for model, name in zip(models, ("prod", "canary"))]
        >>> alias_names(aliases, 2), aliases_text(aliases, 2)
        (('canary',), 'canary, prod is @1')
    """
    return tuple(alias.name for alias in aliases if alias.version == version)


def aliases_text(aliases: Iterable[NamesVersion], version: int | None) -> str:
    """Return the aliases of a key in words: those of one version, then where the others are.

    Args:
        aliases: the aliases of the key.
        version: the version.

    Returns:
        The names, separated by commas; empty when the key has no aliases.

    Examples:
        >>> from artifact_store import ArtifactStore
        >>> store = ArtifactStore("sqlite:///:memory:")
        >>> model = store.create_artifact(key="model", data=0.91)
        >>> aliases_text([store.set_alias(model, "prod")], 1)
        'prod'
    """
    aliases = list(aliases)
    parts = [*alias_names(aliases, version)]
    for alias in aliases:
        if alias.version != version:
            parts.append(f"{alias.name} is @{alias.version}")
    return ", ".join(parts)
