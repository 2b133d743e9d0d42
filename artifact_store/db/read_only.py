"""Replaces the writing methods of a read-only store, so that they raise before they do anything.

The database refuses writes too, but later, and with an error that does not say what to do.
"""

from functools import partial
from typing import NoReturn

from ..errors import StoreReadOnly

__all__ = ["WRITES", "refuse", "refuse_writes"]

WRITES = frozenset(
    """
    create_artifact create_artifacts create_deployment create_flow create_flow_run create_image_artifact
    create_link_artifact create_markdown_artifact create_progress_artifact create_table_artifact create_task_run
    create_work_pool create_work_queue delete_alias delete_artifact delete_artifacts flow_run repair set_alias
    set_flow_run_state set_task_run_state task_run track undo_alias update_artifact
    update_progress_artifact use
    """.split()
)
"""The methods of a store that write."""


def refuse_writes(store: object, label: str) -> None:
    """Make the writing methods of one store raise `StoreReadOnly`; others do not slow down."""
    for name in WRITES:
        setattr(store, name, partial(_raise_read_only, name, label))


def _raise_read_only(name: str, label: str, *args: object, **fields: object) -> NoReturn:
    refuse(f"call {name}", label)


def refuse(action: str, label: str) -> NoReturn:
    """Raise the error for an action that only a store that may write can do."""
    raise StoreReadOnly(
        f"{label}: the store is open for reading only: open it without read_only to {action}."
    )
