"""The default store of a process, and the functions that publish to it.

A script that does not open a store uses these functions. The first call opens the store at
`$ARTIFACT_STORE_URL`.
"""

import inspect
import os
import threading
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from .errors import InvalidQuery
from .store import ArtifactStore

__all__ = [
    "create_image_artifact",
    "create_link_artifact",
    "create_markdown_artifact",
    "create_progress_artifact",
    "create_table_artifact",
    "default_store",
    "read_artifact_ref",
    "read_latest_artifact",
    "set_default_store",
    "update_progress_artifact",
]

P = ParamSpec("P")
R = TypeVar("R")

_lock = threading.Lock()
_store: ArtifactStore | None = None


def default_store() -> ArtifactStore:
    """Return the store that the functions of this module use, one for all threads of the process.

    The first call opens it, as `ArtifactStore()` does: `$ARTIFACT_STORE_URL`, else a SQLite file in
    the user's data directory. It is closed when the program ends.

    Returns:
        The default store, which is open.

    Raises:
        InvalidURL: `$ARTIFACT_STORE_URL` is not understood.
        StoreUnavailable: the database cannot be opened; the next call tries again.

    Examples:
        >>> before = set_default_store(ArtifactStore("sqlite:///:memory:"))
        >>> default_store()
        ArtifactStore('sqlite:///:memory:')
        >>> default_store().close()
        >>> store = set_default_store(before)
    """
    global _store
    store = _store
    if store is None:
        with _lock:
            store = _store = _store or ArtifactStore()
    return store


def set_default_store(store: ArtifactStore | None) -> ArtifactStore | None:
    """Set the store that the functions of this module use, in all threads.

    Args:
        store: the store; `None` for the one at `$ARTIFACT_STORE_URL`, which the next call opens.

    Returns:
        The previous default store, which stays open; `None` if there was none.

    Raises:
        InvalidQuery: it is not a store.

    Examples:
        >>> before = set_default_store(ArtifactStore("sqlite:///:memory:"))
        >>> create_markdown_artifact("All *well*", key="report").version
        1
        >>> set_default_store(before).close()
    """
    global _store
    if not isinstance(store, ArtifactStore | None):
        raise InvalidQuery(
            f"The default store is an ArtifactStore, not a {type(store).__name__}: open one first."
        )
    with _lock:
        previous = _store
        _store = store
    return previous


def renew_lock() -> None:
    """Replace the lock in a forked child: another thread of the parent may have held it."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=renew_lock)


def of_default_store(method: Callable[Concatenate[ArtifactStore, P], R]) -> Callable[P, R]:
    """Return a function that calls a method of the default store."""

    @wraps(method, assigned=("__name__", "__doc__", "__annotations__"))
    def function(*args: P.args, **kwargs: P.kwargs) -> R:
        result: R = getattr(default_store(), method.__name__)(*args, **kwargs)
        return result

    signature = inspect.signature(method)
    _, *parameters = signature.parameters.values()  # without `self`
    function.__qualname__ = method.__name__
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return function


create_link_artifact = of_default_store(ArtifactStore.create_link_artifact)
"""`ArtifactStore.create_link_artifact` of the default store."""
create_markdown_artifact = of_default_store(ArtifactStore.create_markdown_artifact)
"""`ArtifactStore.create_markdown_artifact` of the default store."""
create_table_artifact = of_default_store(ArtifactStore.create_table_artifact)
"""`ArtifactStore.create_table_artifact` of the default store."""
create_progress_artifact = of_default_store(ArtifactStore.create_progress_artifact)
"""`ArtifactStore.create_progress_artifact` of the default store."""
update_progress_artifact = of_default_store(ArtifactStore.update_progress_artifact)
"""`ArtifactStore.update_progress_artifact` of the default store."""
create_image_artifact = of_default_store(ArtifactStore.create_image_artifact)
"""`ArtifactStore.create_image_artifact` of the default store."""
read_latest_artifact = of_default_store(ArtifactStore.read_latest_artifact)
"""`ArtifactStore.read_latest_artifact` of the default store: what Prefect calls `Artifact.get`."""
read_artifact_ref = of_default_store(ArtifactStore.read_artifact_ref)
"""`ArtifactStore.read_artifact_ref` of the default store."""
