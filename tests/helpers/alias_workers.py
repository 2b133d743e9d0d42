"""Functions that move and attack aliases, to run in processes of their own."""

import os
import random
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from artifact_store import (
    ArtifactFilter,
    ArtifactNotFound,
    ArtifactProtected,
    ArtifactStore,
    VersionConflict,
)

__all__ = ["Log", "attack", "hold", "move", "other_version", "publish_and_delete"]

KEY = "model"
OF_KEY = ArtifactFilter(key={"any_": [KEY]})


class Log:
    """What a process was about to do and what it knows to be done, a word a line, kept when it is killed."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def write(self, word: object) -> None:
        os.write(self._file, f"{word}\n".encode())


def other_version(store: ArtifactStore, version: int | None, rng: random.Random) -> int:
    """Return a version of the key that an alias does not name yet."""
    found = store.read_artifacts(limit=4, artifact_filter=OF_KEY, include_data=False)
    versions = [int(each.version or 0) for each in found if each.version != version]
    return rng.choice(versions) if versions else int(store.create_artifact(key=KEY).version or 0)


def move(url: str, path: Path, times: int) -> None:
    """Move an alias by compare-and-set so many times, in a flow run of its own."""
    log, rng = Log(path), random.Random(str(path))
    with ArtifactStore(url) as store, store.flow_run("mover") as run:
        log.write(run.id)
        done = 0
        while done < times:
            alias = next(iter(store.read_aliases(KEY)), None)
            current = None if alias is None else alias.version
            target = other_version(store, current, rng)
            log.write("intent")
            try:
                store.set_alias(KEY, "prod", target, expect=current)
            except (VersionConflict, ArtifactNotFound) as error:
                log.write(type(error).__name__)
            else:
                log.write("moved")
                done += 1


def publish_and_delete(url: str, stop: Path) -> None:
    """Publish versions of the key, and delete those that no alias names, until a file is there."""
    with ArtifactStore(url) as store:
        while not stop.exists():
            made = store.create_artifact(key=KEY)
            old = ArtifactFilter(
                version={"le_": int(made.version or 0) - 6}, alias={"exists_": False}
            )
            # A mover may let the alias name one of them in between.
            with suppress(ArtifactProtected):
                store.delete_artifacts(OF_KEY & old)


def hold(url: str, stop: Path, rounds: int) -> int:
    """Let the alias name new versions, which then exist and keep their data; return the number of reads."""
    reads = 0
    with ArtifactStore(url) as store:
        for _ in range(rounds):
            made = store.create_artifact(key=KEY, data="new")
            try:
                alias = store.set_alias(made, "prod")
            except ArtifactNotFound:  # it was deleted before
                continue
            before = store.get("model@prod")
            for _ in range(5):
                assert alias.version == before.version
                assert store.get("model@prod") == before
                reads += 1
    stop.touch()
    return reads


def attack(url: str, stop: Path, way: str) -> int:
    """Delete or change versions of the key until a file is there; return how often that was refused."""
    refused = 0
    with ArtifactStore(url) as store:
        while not stop.exists():
            latest = store.read_latest_artifact(KEY)
            target: UUID | None = None if latest is None else latest.id
            try:
                if way == "delete all":
                    store.delete_artifacts(OF_KEY)
                elif target is not None and way == "delete":
                    store.delete_artifact(target)
                elif target is not None:
                    store.update_artifact(target, data="changed")
            except ArtifactProtected:
                refused += 1
    return refused
