"""Inputs: which versions a run has used, under the references by which it asked for them.

The first use of a reference by a run reads the version under the lock of its key and records it.
From then on the reference is that version for the run, in all its tasks, threads and processes.
"""

from functools import partial
from typing import NamedTuple
from uuid import UUID

from peewee import JOIN

from ..base import Writer
from ..clock import now
from ..context import Origin, origin_in
from ..db.artifact_tables import Artifact as ArtifactTable
from ..db.artifact_tables import ArtifactInput
from ..db.dialects import encode_value
from ..db.statements import Query, Statements, slot
from ..errors import ArtifactNotFound, InvalidQuery
from ..schemas.artifacts import Artifact
from . import key_locks, lookup, protection, queries, references

__all__ = ["RunIds", "add_input", "use", "use_in_current_run"]


class RunIds(NamedTuple):
    """The run that uses an artifact.

    Attributes:
        flow_run_id: the flow run; `None` for a task run that belongs to none.
        task_run_id: the task run in which it is used; `None` outside of one.
    """

    flow_run_id: UUID | None
    task_run_id: UUID | None

    @property
    def run_id(self) -> UUID:
        """The run that pins: the flow run, or a task run that belongs to none."""
        run_id = self.flow_run_id or self.task_run_id
        assert run_id is not None, "a run is open"
        return run_id


def use_in_current_run(writer: Writer, ref: object) -> Artifact:
    """Use an artifact in the current run; see `ArtifactStore.use`.

    Raises:
        InvalidQuery: no run is open here, and the environment names none.
    """
    writer.db.engine.refuse_in_snapshot("use")
    origin = writer.origin()
    if origin is None:
        raise InvalidQuery(
            "store.use is for code inside a run: open one with store.flow_run(...), "
            "or read the artifact with store.get, which records nothing."
        )
    return use_once(writer.db, RunIds(origin.flow_run_id, origin.task_run_id), ref)


def use(writer: Writer, origin: Origin, ref: object) -> Artifact:
    """Use an artifact in an open run, and in the current task run if that belongs to it."""
    writer.db.engine.refuse_in_snapshot("use")
    writer.db.pending_writes.flush()
    current = origin_in(writer.database)
    if current is not None and current.flow_run_id == origin.flow_run_id is not None:
        origin = current
    return use_once(writer.db, RunIds(origin.flow_run_id, origin.task_run_id), ref)


def use_once(db: Statements, run: RunIds, ref: object) -> Artifact:
    """Return what a reference names for a run, and record it if the run uses it for the first time.

    Raises:
        InvalidQuery: it is not a reference.
        ArtifactNotFound: there is no such artifact, or it was deleted after the run had used it.
    """
    reference = resolve(db, ref)
    pinned = read_pinned(db, run, reference)
    if pinned is not None:
        return pinned
    return db.engine.run_idempotent(partial(pin, db, run, reference))


def resolve(db: Statements, ref: object) -> references.Reference:
    """Return a reference to a version for one to an id, because a version may be named by both.

    Raises:
        InvalidQuery: it is not a reference.
        ArtifactNotFound: there is no artifact with the id.
    """
    reference = references.parse(ref)
    if reference.id is None:
        return reference
    artifact = queries.read(db, reference.id)
    if artifact is not None and artifact.key is not None:
        return references.Reference(None, artifact.key, artifact.version)
    if artifact is None and reference.key is None:
        raise ArtifactNotFound(lookup.explain_missing(db, ref))
    # A key may look like an id.
    return reference._replace(key=None) if artifact is not None else reference._replace(id=None)


def canonical(reference: references.Reference) -> str:
    """Return the text under which a reference is recorded: `sales@latest` for `sales`."""
    return f"{reference.text}@latest" if reference.is_latest else reference.text


def pin(db: Statements, run: RunIds, reference: references.Reference) -> Artifact:
    """Record what a reference names, inside a transaction.

    A try whose answer was lost, and another thread or process of the run, have recorded it already.

    Raises:
        ArtifactNotFound: there is no such artifact.
    """
    if reference.key is not None:
        key_locks.lock_key(db, reference.key)
        pinned = read_pinned(db, run, reference)
        if pinned is not None:
            return pinned
    artifact = lookup.get(db, reference.text)
    # Without a key there is no row that counts what holds it.
    held = artifact.key is not None and protection.is_open(db, run.run_id)
    add_input(db, run, canonical(reference), artifact, held=held)
    if held and artifact.key is not None:
        key_locks.add_holds(db, artifact.key, 1)
    return artifact


def read_pinned(db: Statements, run: RunIds, reference: references.Reference) -> Artifact | None:
    """Return the version that a reference is for a run; `None` if the run has not used it.

    Raises:
        ArtifactNotFound: the run has used a version that was deleted since.
    """

    def build() -> Query:
        columns = (ArtifactInput.artifact_id, ArtifactInput.version, *queries.COLUMNS)
        is_pinned = ArtifactTable.id == ArtifactInput.artifact_id
        query = ArtifactInput.select(*columns).join(ArtifactTable, JOIN.LEFT_OUTER, on=is_pinned)
        is_of_run = ArtifactInput.run_id == slot("run_id")
        return query.where(is_of_run, ArtifactInput.ref == slot("ref"))

    ref = canonical(reference)
    row = db.fetch_one("inputs.read", build, {"run_id": str(run.run_id), "ref": ref})
    if row is None:
        return None
    artifact_id, version, *columns = row
    artifact = queries.ROWS.value(columns) if columns[queries.ROWS.names.index("id")] else None
    if artifact is None:
        name = str(artifact_id) if version is None else f"{reference.key}@{version}"
        raise ArtifactNotFound(
            f"The run {run.run_id} has used {ref} as {name}, which was deleted since: "
            "start another run, or name another version."
        )
    return artifact


def add_input(db: Statements, run: RunIds, ref: str, artifact: Artifact, *, held: bool) -> None:
    """Record that a run has used an artifact, unless that is recorded already.

    Args:
        db: the statements of a store.
        run: the run.
        ref: the reference, as `canonical` writes it.
        artifact: the version that it names.
        held: whether the row is counted in `ArtifactCollection.holds`.
    """
    values = {
        "run_id": run.run_id,
        "ref": ref,
        "flow_run_id": run.flow_run_id,
        "task_run_id": run.task_run_id,
        "artifact_id": artifact.id,
        "key": artifact.key,
        "version": artifact.version,
        "source_run_id": artifact.flow_run_id or artifact.task_run_id,
        "source_created": artifact.created,
        "held": held,
        "used": now(),
    }

    def build() -> Query:
        row = {getattr(ArtifactInput, name): slot(name) for name in values}
        insert = ArtifactInput.insert(row)
        return insert.on_conflict_ignore()

    db.execute("inputs.add", build, {name: encode_value(value) for name, value in values.items()})
