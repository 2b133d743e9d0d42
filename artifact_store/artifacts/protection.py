"""Protected versions: an alias names them, or a run that is open has pinned them.

A delete, or a change of data or type, is refused. It looks after it has locked the key, which a
change of an alias and a pin lock too.

`ArtifactCollection.holds` counts the aliases and the held inputs of each key. A write that finds 0
there under the lock needs no statement to look for them. The end of a run writes nothing: the next
write to a version that it had pinned finds that it has ended, and counts its inputs no more.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from peewee import JOIN, fn

from ..clock import new_id, now
from ..db.artifact_tables import Artifact, ArtifactAlias
from ..db.run_tables import ArtifactInput, FlowRun, TaskRun
from ..db.statements import Query, Statements, slot
from ..errors import ArtifactProtected
from ..runs.queries import FINAL_STATES
from ..wording import count_text, name_of_artifact
from . import aliases, key_locks

__all__ = ["is_open", "release"]

_MOST_NAMED = 5  # protected versions, and runs of one version, that a message names


class NamedVersion(NamedTuple):
    """A version that an alias names, or that a run has pinned.

    Attributes:
        key: the key.
        version: the version.
        name: the name of the alias, or of the run.
    """

    key: str
    version: int
    name: str


class Pin(NamedTuple):
    """An input that is counted in `ArtifactCollection.holds`.

    Attributes:
        key: the key.
        version: the version.
        run_name: the name of the run; `None` if the store does not have it.
        is_open: whether the run has not ended.
    """

    key: str
    version: int
    run_name: str | None
    is_open: bool


def is_open(db: Statements, run_id: UUID) -> bool:
    """Return whether the store has a run that has not ended, so that what it uses is protected."""

    def build() -> Query:
        of_flow = FlowRun.select(FlowRun.state_type).where(FlowRun.id == slot("id"))
        of_task = TaskRun.select(TaskRun.state_type).where(TaskRun.id == slot("id"))
        return of_flow.union_all(of_task)

    rows = db.fetch_all("protection.state", build, {"id": str(run_id)})
    return any(state not in FINAL_STATES for (state,) in rows)


def release(
    db: Statements,
    ids: Sequence[UUID],
    keys: Collection[str],
    force: bool,
    flow_run_id: UUID | None,
) -> None:
    """Check that no alias names some artifacts, and that no open run has pinned them.

    Args:
        db: the statements of a store.
        ids: the ids of the artifacts.
        keys: the keys that are locked; artifacts of others are ignored.
        force: whether aliases that name one of them are deleted instead, and pins given up.
        flow_run_id: the flow run that does it, for the history.

    Raises:
        ArtifactProtected: one of them is protected, and `force` is off.
    """
    named = [each for each in find_named(db, ids) if each.key in keys]
    pins = [each for each in find_pins(db, ids) if each.key in keys]
    pinned = [
        NamedVersion(each.key, each.version, str(each.run_name)) for each in pins if each.is_open
    ]
    if (named or pinned) and not force:
        raise ArtifactProtected(protected_text(named, pinned))

    moved = now()
    for key, version, name in named:
        aliases.remove_alias(db, key, name)
        move = aliases.new_move(key, name, version, None, moved, flow_run_id)
        aliases.write_move(db, new_id(), move)
    if pins:
        give_up_pins(db, ids, pins)


def give_up_pins(db: Statements, ids: Sequence[UUID], pins: Sequence[Pin]) -> None:
    """Note that the pins of some artifacts hold them no more."""

    def build() -> Query:
        give_up = ArtifactInput.update({ArtifactInput.held: False})
        is_of_artifact = db.dialect.is_in(ArtifactInput.artifact_id, slot("ids"))
        is_of_key = db.dialect.is_in(ArtifactInput.key, slot("keys"))
        return give_up.where(is_of_artifact, is_of_key, ArtifactInput.held)

    counts = Counter(each.key for each in pins)
    keys = sorted(counts)
    values = {"ids": db.dialect.bind_list(ids), "keys": db.dialect.bind_list(keys)}
    db.execute("protection.give_up", build, values)
    for key in keys:
        key_locks.add_holds(db, key, -counts[key])


def find_named(db: Statements, ids: Sequence[UUID]) -> list[NamedVersion]:
    """Return which versions among some artifacts an alias names."""

    def build() -> Query:
        is_named = (ArtifactAlias.key == Artifact.key) & (ArtifactAlias.version == Artifact.version)
        query = Artifact.select(Artifact.key, Artifact.version, ArtifactAlias.name)
        query = query.join(ArtifactAlias, on=is_named)
        query = query.where(db.dialect.is_in(Artifact.id, slot("ids")))
        return query.order_by(Artifact.key, Artifact.version, ArtifactAlias.name)

    rows = db.fetch_all("aliases.named", build, {"ids": db.dialect.bind_list(ids)})
    return [NamedVersion(*row) for row in rows]


def find_pins(db: Statements, ids: Sequence[UUID]) -> list[Pin]:
    """Return the pins of some artifacts."""

    def build() -> Query:
        name = fn.COALESCE(FlowRun.name, TaskRun.name)
        state = fn.COALESCE(FlowRun.state_type, TaskRun.state_type)
        query = ArtifactInput.select(ArtifactInput.key, ArtifactInput.version, name, state)
        query = query.join(FlowRun, JOIN.LEFT_OUTER, on=(FlowRun.id == ArtifactInput.run_id))
        query = query.switch(ArtifactInput)
        query = query.join(TaskRun, JOIN.LEFT_OUTER, on=(TaskRun.id == ArtifactInput.run_id))
        is_of_artifact = db.dialect.is_in(ArtifactInput.artifact_id, slot("ids"))
        query = query.where(is_of_artifact, ArtifactInput.held)
        return query.order_by(ArtifactInput.key, ArtifactInput.version, name)

    rows = db.fetch_all("protection.pins", build, {"ids": db.dialect.bind_list(ids)})
    return [
        Pin(key, version, name, name is not None and state not in FINAL_STATES)
        for key, version, name, state in rows
    ]


# --- Messages ---


def protected_text(named: Sequence[NamedVersion], pinned: Sequence[NamedVersion]) -> str:
    """Return the sentences that say what is protected, by which aliases and runs, and what to do."""
    of_aliases = names_by_ref(named)
    of_runs = names_by_ref(pinned)
    refs = sorted({*of_aliases, *of_runs})
    if len(refs) == 1:
        return one_text(refs[0], of_aliases.get(refs[0], []), of_runs.get(refs[0], []))

    listed = [
        f"{ref} ({', '.join([*of_aliases.get(ref, []), *of_runs.get(ref, [])][:_MOST_NAMED])})"
        for ref in refs[:_MOST_NAMED]
    ]
    if len(refs) > _MOST_NAMED:
        listed.append(f"{len(refs) - _MOST_NAMED:,} more")
    by = " or ".join([*["an alias"] * bool(named), *["a run"] * bool(pinned)])
    count = count_text(len(refs), "artifact")
    remedy = remedy_text(bool(named), bool(pinned), "it ends")
    return f"{count} are protected by {by}: {', '.join(listed)}. {remedy}"


def one_text(ref: str, alias_names: Sequence[str], run_names: Sequence[str]) -> str:
    """Return the sentences for one version that is protected."""
    reasons: list[str] = []
    if alias_names:
        is_one = len(alias_names) == 1
        listed = ", ".join(alias_names)
        reasons.append(
            f"the alias {listed} names it" if is_one else f"the aliases {listed} name it"
        )
    ends = "it ends"
    if run_names:
        is_one = len(run_names) == 1
        listed = ", ".join(run_names[:_MOST_NAMED])
        if len(run_names) > _MOST_NAMED:
            listed += f" and {len(run_names) - _MOST_NAMED:,} more"
        reasons.append(
            f"the run {listed} has pinned it" if is_one else f"the runs {listed} have pinned it"
        )
        ends = "it ends" if is_one else "they end"
    remedy = remedy_text(bool(alias_names), bool(run_names), ends)
    return f"{ref} is protected: {', and '.join(reasons)}. {remedy}"


def remedy_text(has_alias: bool, has_run: bool, ends: str) -> str:
    """Return the sentence that says what to do about protected versions."""
    if not has_run:
        return "Move or delete the alias first, or pass force=True."
    if not has_alias:
        return f"Wait until {ends}, or pass force=True."
    return "Move or delete the alias and wait for the end of the run, or pass force=True."


def names_by_ref(versions: Sequence[NamedVersion]) -> dict[str, list[str]]:
    """Return the names of the aliases or runs of each version, each once."""
    names: dict[str, list[str]] = {}
    for key, version, name in versions:
        of_ref = names.setdefault(name_of_artifact(None, key, version), [])
        if name not in of_ref:
            of_ref.append(name)
    return names
