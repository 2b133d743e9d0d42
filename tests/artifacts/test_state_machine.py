"""Artifacts and their latest versions, against a model of a few lines of plain Python."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from artifact_store import (
    Artifact,
    ArtifactCollectionSort,
    ArtifactConflict,
    ArtifactCreate,
    ArtifactFilter,
    ArtifactNotFound,
    ArtifactProtected,
    ArtifactSort,
    ArtifactStore,
    VersionConflict,
)
from artifact_store.artifacts import inputs
from artifact_store.context import Origin

KEYS = ["a", "a-b", "B/c"]
keys = st.sampled_from(KEYS)
contents = st.sampled_from([None, 1, {"z": 1, "a": [2]}])
picks = st.integers(0, 40)
names = st.sampled_from(["prod", "canary"])
forces = st.sampled_from([False, False, True])


class Model:
    """What the store should hold: artifacts in the order of their creation, a counter for each key, and aliases."""

    def __init__(self) -> None:
        self.artifacts: dict[UUID, Artifact] = {}
        self.counters: dict[str, int] = {}
        self.aliases: dict[tuple[str, str], int] = {}
        self.moves: dict[tuple[str, str], list[int | None]] = {}
        self.pins: dict[tuple[UUID, str], UUID] = {}  # by run and reference
        self.open_runs: set[UUID] = set()

    def copy(self) -> "Model":
        new = Model()
        new.artifacts = dict(self.artifacts)
        new.counters = dict(self.counters)
        new.aliases = dict(self.aliases)
        new.moves = {alias: list(versions) for alias, versions in self.moves.items()}
        new.pins = dict(self.pins)
        new.open_runs = set(self.open_runs)
        return new

    def move(self, key: str, name: str, version: int | None) -> None:
        if version == self.aliases.get((key, name)):
            return
        self.moves.setdefault((key, name), []).append(version)
        if version is None:
            del self.aliases[key, name]
        else:
            self.aliases[key, name] = version

    def named(self, *ids: UUID) -> list[tuple[str, str]]:
        """Return the aliases that name one of some artifacts."""
        there = [self.artifacts[each] for each in ids]
        versions = {(each.key, each.version) for each in there}
        return [alias for alias, version in self.aliases.items() if (alias[0], version) in versions]

    def protected(self, *ids: UUID) -> bool:
        """Tell whether an alias names one of some artifacts, or an open run has pinned it."""
        pinned = {pin for (run, _), pin in self.pins.items() if run in self.open_runs}
        keyed = {each for each in ids if self.artifacts[each].key is not None}
        return bool(self.named(*ids)) or not pinned.isdisjoint(keyed)

    def create(self, made: Artifact) -> None:
        version = None
        if made.key is not None:
            version = self.counters[made.key] = self.counters.get(made.key, 0) + 1
        assert (made.version, made.updated) == (version, made.created)
        self.artifacts[made.id] = made

    def delete(self, *ids: UUID) -> None:
        for key, name in self.named(*ids):
            self.move(key, name, None)
        for each in ids:
            del self.artifacts[each]

    def latest(self) -> dict[str, Artifact]:
        ordered = sorted(self.artifacts.values(), key=lambda each: each.version or 0)
        return {each.key: each for each in ordered if each.key is not None}

    def accepts(self, given: ArtifactCreate) -> bool:
        """Tell whether a create with a known id repeats what is stored."""
        stored = self.artifacts[given.id]
        return all(
            getattr(stored, name) == getattr(given, name) for name in type(given).model_fields
        )


class Machine(RuleBasedStateMachine):
    """Every write of the API, in blocks that nest, commit or roll back."""

    store: ArtifactStore

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.known: list[UUID] = []  # every id that ever was, deleted ones too
        self.blocks: list[tuple[Any, Model]] = []

    def teardown(self) -> None:
        while self.blocks:
            self.blocks.pop()[0].__exit__(ValueError, ValueError(), None)
        self.store.delete_artifacts(everything=True, force=True)
        assert self.store.read_aliases() == self.store.verify() == []
        # The next example begins with an empty store, but the counters of empty keys would go on.
        self.store._engine.execute("DELETE FROM artifact_collection")
        self.store._engine.execute("DELETE FROM artifact_alias_move")
        self.store._engine.execute("DELETE FROM artifact_input")

    def expect(self, given: ArtifactCreate, made: Artifact) -> None:
        """Note what a create returned: what is stored under a known id, or something new."""
        if made.id in self.model.artifacts:
            assert made == self.model.artifacts[made.id]
        else:
            assert (made.key, made.data) == (given.key, given.data)
            self.model.create(made)
            self.known.append(made.id)

    @rule(key=keys | st.none(), data=contents)
    def create(self, key, data):
        given = ArtifactCreate(key=key, data=data)
        self.expect(given, self.store.create_artifact(given))

    @rule(key=keys, data=contents, offset=st.integers(-1, 1))
    def create_after(self, key, data, offset):
        """Expect a version that is the latest, or one beside it."""
        latest = self.model.latest().get(key)
        version = None if latest is None else latest.version
        near = (version or 0) + offset
        expected = near if near > 0 else None
        given = ArtifactCreate(key=key, data=data)
        if expected == version:
            self.expect(given, self.store.create_artifact(given, expect_version=expected))
        else:
            with pytest.raises(VersionConflict):
                self.store.create_artifact(given, expect_version=expected)

    @rule(key=keys, data=contents, bulk=st.booleans())
    def create_if_changed(self, key, data, bulk):
        latest = self.model.latest().get(key)
        given = ArtifactCreate(key=key, data=data)
        if bulk:
            (made,) = self.store.create_artifacts([given], skip_unchanged=True)
        else:
            made = self.store.create_artifact(given, skip_unchanged=True)
        content = (None, None, data)
        if latest is not None and (latest.type, latest.description, latest.data) == content:
            assert made.updated > latest.updated
            assert made == latest.model_copy(update={"updated": made.updated})
            self.model.artifacts[made.id] = made
        else:
            self.expect(given, made)

    @precondition(lambda self: len(self.blocks) < 3)
    @rule(expected=st.dictionaries(keys, st.none() | st.integers(1, 4), max_size=2))
    def begin_after(self, expected):
        """Begin a block that expects versions; if it is not entered, nothing has changed."""
        latest = self.model.latest()
        versions = {key: latest[key].version if key in latest else None for key in expected}
        if versions == expected:
            self.begin(expected)
        else:
            with pytest.raises(VersionConflict):
                self.store.atomic(expect=expected).__enter__()

    @precondition(lambda self: self.known)
    @rule(pick=picks, key=keys | st.none(), data=contents, same=st.booleans())
    def repeat(self, pick, key, data, same):
        stored = self.model.artifacts.get(self.known[pick % len(self.known)])
        if stored is not None and same:
            key, data = stored.key, stored.data
        given = ArtifactCreate(id=self.known[pick % len(self.known)], key=key, data=data)
        if stored is None or self.model.accepts(given):
            self.expect(given, self.store.create_artifact(given))
        else:
            with pytest.raises(ArtifactConflict):
                self.store.create_artifact(given)

    @rule(many=st.lists(st.tuples(keys | st.none(), contents, st.none() | picks), max_size=6))
    def bulk(self, many):
        given, first = [], {}
        for key, data, pick in many:
            each = ArtifactCreate(key=key, data=data)
            if pick is not None and self.known:
                each = ArtifactCreate(id=self.known[pick % len(self.known)], key=key, data=data)
            given.append(each)
        refused = False
        for each in given:
            if each.id in self.model.artifacts:
                refused |= not self.model.accepts(each)
            elif each.id is not None:
                refused |= first.setdefault(each.id, each) != each
        if refused:
            with pytest.raises(ArtifactConflict):
                self.store.create_artifacts(given)
            return
        for each, made in zip(given, self.store.create_artifacts(given), strict=True):
            self.expect(each, made)

    @precondition(lambda self: self.known)
    @rule(pick=picks, data=contents, force=forces)
    def update(self, pick, data, force):
        target = self.known[pick % len(self.known)]
        before = self.model.artifacts.get(target)
        if before is not None and not force and self.model.protected(target):
            with pytest.raises(ArtifactProtected):
                self.store.update_artifact(target, data=data)
            return
        assert self.store.update_artifact(target, data=data, force=force) == (before is not None)
        if before is not None:
            after = self.store.read_artifact(target)
            assert after.updated > before.updated
            assert after == before.model_copy(update={"data": data, "updated": after.updated})
            self.model.artifacts[target] = after

    @precondition(lambda self: self.known)
    @rule(pick=picks, text=st.sampled_from([None, "x"]))
    def describe(self, pick, text):
        """Change what no alias protects."""
        target = self.known[pick % len(self.known)]
        before = self.model.artifacts.get(target)
        changed = self.store.update_artifact(target, description=text)
        assert changed == (before is not None)
        if before is not None:
            self.model.artifacts[target] = self.store.read_artifact(target)
            assert self.model.artifacts[target].data == before.data

    @rule(key=keys, name=names, version=st.none() | st.integers(1, 6), offset=st.integers(-1, 1))
    def set_alias(self, key, name, version, offset):
        """Set an alias, with or without an expectation that may be wrong."""
        before = self.model.aliases.get((key, name))
        expect = {} if offset == 0 else {"expect": before}
        if offset < 0 and before is not None:
            with pytest.raises(VersionConflict):
                self.store.set_alias(key, name, version, expect=before + 1)
            return
        there = {each.version for each in self.model.artifacts.values() if each.key == key}
        target = max(there, default=None) if version is None else version
        if target not in there:
            with pytest.raises(ArtifactNotFound):
                self.store.set_alias(key, name, version, **expect)
            return
        assert self.store.set_alias(key, name, version, **expect).version == target
        self.model.move(key, name, target)

    @rule(key=keys, name=names)
    def delete_alias(self, key, name):
        there = (key, name) in self.model.aliases
        assert self.store.delete_alias(key, name) == there
        self.model.move(key, name, None)

    @precondition(lambda self: self.known)
    @rule(pick=picks, force=forces)
    def delete(self, pick, force):
        target = self.known[pick % len(self.known)]
        there = target in self.model.artifacts
        if there and not force and self.model.protected(target):
            with pytest.raises(ArtifactProtected):
                self.store.delete_artifact(target)
            return
        assert self.store.delete_artifact(target, force=force) == there
        if there:
            self.model.delete(target)

    @precondition(lambda self: self.model.artifacts)
    @rule(key=keys)
    def delete_the_latest(self, key):
        latest = self.model.latest().get(key)
        if latest is not None and not self.model.protected(latest.id):
            assert self.store.delete_artifact(latest.id)
            self.model.delete(latest.id)

    @rule(some=st.sets(keys, max_size=2), above=st.integers(1, 3), force=forces)
    def delete_many(self, some, above, force):
        chosen = ArtifactFilter(key={"any_": sorted(some)}, version={"ge_": above})
        doomed = [
            each.id
            for each in self.model.artifacts.values()
            if each.key in some and each.version >= above
        ]
        if not force and self.model.protected(*doomed):
            with pytest.raises(ArtifactProtected):
                self.store.delete_artifacts(chosen)
            return
        assert self.store.delete_artifacts(chosen, force=force) == len(doomed)
        self.model.delete(*doomed)

    @precondition(lambda self: len(self.model.open_runs) < 2)
    @rule()
    def start_run(self):
        run_id = self.store.create_flow_run(self.store.create_flow("f").id).id
        self.store.set_flow_run_state(run_id, "RUNNING")
        self.model.open_runs.add(run_id)

    @precondition(lambda self: self.model.open_runs)
    @rule(key=keys, version=st.none() | st.integers(1, 4), pick=picks)
    def use(self, key, version, pick):
        """Use the latest or another version in an open run, which may have done so before."""
        runs = sorted(self.model.open_runs)
        run_id = runs[pick % len(runs)]
        ref = key if version is None else f"{key}@{version}"
        there = {each.version: each for each in self.model.artifacts.values() if each.key == key}
        wanted = max(there, default=None) if version is None else version
        expected = there.get(wanted)
        if (run_id, ref) in self.model.pins:
            expected = self.model.artifacts.get(self.model.pins[run_id, ref])
        origin = Origin(None, run_id, None)
        if expected is None:
            with pytest.raises(ArtifactNotFound):
                inputs.use(self.store._writer, origin, ref)
            return
        assert inputs.use(self.store._writer, origin, ref) == expected
        self.model.pins[run_id, ref] = expected.id

    @precondition(lambda self: self.model.open_runs)
    @rule(pick=picks, state=st.sampled_from(["COMPLETED", "CRASHED"]))
    def end_run(self, pick, state):
        runs = sorted(self.model.open_runs)
        run_id = runs[pick % len(runs)]
        self.store.set_flow_run_state(run_id, state)
        self.model.open_runs.remove(run_id)

    @precondition(lambda self: len(self.blocks) < 3)
    @rule()
    def begin(self, expected=None):
        block = self.store.atomic(expect=expected)
        block.__enter__()
        self.blocks.append((block, self.model))
        self.model = self.model.copy()

    @precondition(lambda self: self.blocks)
    @rule()
    def commit(self):
        self.blocks.pop()[0].__exit__(None, None, None)

    @precondition(lambda self: self.blocks)
    @rule()
    def roll_back(self):
        block, self.model = self.blocks.pop()
        block.__exit__(ValueError, ValueError("undo this block"), None)

    @invariant()
    def nothing_is_breached(self):
        assert self.store.verify() == []

    @invariant()
    def aliases_are_right(self):
        aliases = {(each.key, each.name): each.version for each in self.store.read_aliases()}
        assert aliases == self.model.aliases
        for (key, name), versions in self.model.moves.items():
            moves = self.store.read_alias_history(key, name)
            assert [each.to_version for each in moves[::-1]] == versions
        kept = ArtifactFilter(alias={"exists_": True})
        versions = {(key, version) for (key, _), version in aliases.items()}
        assert self.store.count_artifacts(kept) == len(versions)

    @invariant()
    def latest_is_right(self):
        latest = self.model.latest()
        assert {key: self.store.read_latest_artifact(key) for key in KEYS} == {
            key: latest.get(key) for key in KEYS
        }
        assert self.store.read_latest_artifacts(sort=ArtifactCollectionSort.KEY_ASC) == [
            latest[key] for key in sorted(latest)
        ]

    @invariant()
    def everything_is_there(self):
        listed = self.store.read_artifacts(sort=ArtifactSort.ID_DESC)
        assert listed == sorted(
            self.model.artifacts.values(), key=lambda each: each.id.bytes, reverse=True
        )
        counts = (self.store.count_artifacts(), self.store.count_latest_artifacts())
        assert counts == (len(self.model.artifacts), len(self.model.latest()))


def test_the_store_agrees_with_the_model(store: ArtifactStore, engine: str) -> None:
    machine = type("Machine", (Machine,), {"store": store})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=150 if engine == "sqlite" else 30,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=checks,
            database=None,
        ),
    )
