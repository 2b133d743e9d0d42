"""What the processes of a history do: choose operations at random, do them, and log what the store returned."""

import json
import os
import random
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from artifact_store import (
    Artifact,
    ArtifactConflict,
    ArtifactFilter,
    ArtifactStore,
    ArtifactStoreError,
)

KEPT = [f"kept-{n}" for n in range(6)]  # some of their versions are deleted
FLEETING = [f"fleeting-{n}" for n in range(3)]  # all their versions are
SHARED = [UUID(int=n) for n in range(1, 6)]  # ids under which all workers create the same

Made = list[tuple[str, str | None, int | None]]


class Log:
    """Logs what a worker begins and gets back; each entry is written at once, so that it survives a kill."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self.number = 0

    def begin(self, op: str, creates: list[str | None], deletes: bool) -> None:
        self.number += 1
        self._write(op=op, begun=time.monotonic(), creates=creates, deletes=deletes)

    def end(self, outcome: str, **told: Any) -> None:
        self._write(outcome=outcome, ended=time.monotonic(), **told)

    def _write(self, **fields: Any) -> None:
        os.write(self._file, json.dumps({"n": self.number, **fields}).encode() + b"\n")


class Result(NamedTuple):
    """What the store returned for an operation."""

    made: Sequence[Artifact] = ()
    deleted: int = 0
    updated: tuple[str, int] | None = None


class Op(NamedTuple):
    """An operation: what it may create, by key, whether it may delete, and its call."""

    name: str
    creates: list[str | None]
    deletes: bool
    call: Callable[[], Result]


class Worker:
    """Chooses operations at random and runs them."""

    def __init__(self, store: ArtifactStore, seed: str) -> None:
        self.store, self.choose = store, random.Random(seed)
        self.own: list[UUID] = []  # artifacts that nobody else knows, keyless
        self.number = 0

    def keys(self, count: int) -> list[str]:
        return self.choose.choices([*KEPT, *FLEETING], k=count)

    def next(self) -> Op:
        # What stands here twice is chosen twice as often.
        makers = [self.create, self.create, self.own_create, self.given, self.bulk]
        makers += [self.bulk_with_ids, self.block, self.run, self.run, self.delete, self.delete]
        makers += [self.delete_by_filter, self.update, self.own_update]
        self.number += 1
        return self.choose.choice(makers)()

    def create(self) -> Op:
        key = self.choose.choice([*KEPT, *FLEETING, None])

        def call() -> Result:
            return Result([self.store.create_artifact(key=key, data=self.number)])

        return Op("create", [key], False, call)

    def own_create(self) -> Op:
        def call() -> Result:
            made = self.store.create_artifact(id=uuid7(), data=0)
            self.own.append(made.id)
            return Result([made])

        return Op("create of one's own", [None], False, call)

    def given(self) -> Op:
        """Create under an id that others create under too: mostly the same, which is a repeat."""
        artifact_id = self.choose.choice(SHARED)
        key = KEPT[artifact_id.int % 2] if self.choose.random() < 0.9 else FLEETING[0]
        return Op(
            "create by id",
            [key],
            False,
            lambda: Result([self.store.create_artifact(id=artifact_id, key=key)]),
        )

    def bulk(self) -> Op:
        keys = [*self.keys(3), None]
        many = [{"key": key, "data": self.number} for key in keys]
        return Op("bulk", keys, False, lambda: Result(self.store.create_artifacts(many)))

    def bulk_with_ids(self) -> Op:
        keys = self.keys(3)
        many = [{"key": key, "id": uuid7()} for key in keys]
        return Op(
            "bulk by id", list(keys), False, lambda: Result(self.store.create_artifacts(many))
        )

    def block(self) -> Op:
        """Create, update and delete in a block, under keys in sorted order, so that blocks do not deadlock."""
        keys = sorted({*self.keys(2)})

        def call() -> Result:
            with self.store.atomic():
                made, deleted = [], 0
                for key in keys:
                    made += [
                        self.store.create_artifact(key=key),
                        self.store.create_artifact(key=key),
                    ]
                    self.store.update_artifact(made[-1].id, description="twice")
                    deleted += self.store.delete_artifact(made[-2].id)
            return Result(made, deleted)

        return Op("block", [key for key in keys for _ in "12"], True, call)

    def run(self) -> Op:
        """Create without ids under keys in any order; deadlocks are tried again."""
        keys = self.keys(2)

        def work() -> list[Artifact]:
            return [self.store.create_artifact(key=key, data=self.number) for key in keys]

        return Op("run", list(keys), False, lambda: Result(self.store.run_in_transaction(work)))

    def delete(self) -> Op:
        """Delete the latest of a key, or what has a shared id."""
        target = self.choose.choice(SHARED)
        if self.choose.random() < 0.7:
            latest = self.store.read_latest_artifact(self.choose.choice([*KEPT, *FLEETING]))
            target = target if latest is None else latest.id
        return Op("delete", [], True, lambda: Result(deleted=self.store.delete_artifact(target)))

    def delete_by_filter(self) -> Op:
        wanted = ArtifactFilter(key={"any_": [self.choose.choice(FLEETING)]})
        if self.choose.random() < 0.5:
            key = self.choose.choice(KEPT)
            latest = self.store.read_latest_artifact(key)
            version = 1 if latest is None else (latest.version or 0) - 3
            wanted = ArtifactFilter(key={"any_": [key]}, version={"le_": version})
        return Op(
            "delete by filter",
            [],
            True,
            lambda: Result(deleted=self.store.delete_artifacts(wanted)),
        )

    def update(self) -> Op:
        """Update the latest of a key, or what has a shared id."""
        target = self.choose.choice(SHARED)
        if self.choose.random() < 0.5:
            latest = self.store.read_latest_artifact(self.choose.choice(KEPT))
            target = target if latest is None else latest.id
        return Op("update", [], False, lambda: self._updated(target))

    def _updated(self, target: UUID) -> Result:
        self.store.update_artifact(target, description="updated")
        return Result()

    def own_update(self) -> Op:
        if not self.own:
            return self.own_create()
        target, number = self.choose.choice(self.own), self.number

        def call() -> Result:
            assert self.store.update_artifact(target, data=number), (
                "an artifact that nobody has deleted is gone"
            )
            return Result(updated=(str(target), number))

        return Op("update of one's own", [], False, call)


def work(url: str, path: str, stop: Any, lossy: bool) -> None:
    """Run one operation after the other until the event is set, and log what each returns."""
    log = Log(Path(path))
    with ArtifactStore(url) as store:
        worker = Worker(store, path)
        while not stop.is_set():
            _do(log, worker, lossy)


def _do(log: Log, worker: Worker, lossy: bool) -> None:
    try:
        op = worker.next()
    except ArtifactStoreError as error:
        if not lossy:
            raise
        log.end("a read failed", error=str(error))
        return
    log.begin(op.name, op.creates, op.deletes)
    try:
        told = op.call()
    except ArtifactConflict:
        log.end(
            "conflict" if op.name == "create by id" else "failure", error=traceback.format_exc()
        )
    except ArtifactStoreError as error:
        # A block is not tried again; where answers are lost, some may stay so.
        expected = lossy or (op.name == "block" and error.transient)
        log.end("unknown" if expected else "failure", error=traceback.format_exc())
    except BaseException:
        log.end("failure", error=traceback.format_exc())
    else:
        made: Made = [(str(each.id), each.key, each.version) for each in told.made]
        log.end("done", made=made, deleted=int(told.deleted), updated=told.updated)


def watch(url: str, stop: Any, sender: Any) -> None:
    """Verify without a pause, repair now and then; send how often and everything that was found."""
    verified, found = 0, list[Any]()
    with ArtifactStore(url) as store:
        sender.send("ready")
        while not stop.is_set():
            verified += 1
            found += store.verify() if verified % 20 else store.repair()
    sender.send((verified, found))
