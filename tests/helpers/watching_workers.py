"""Functions that publish and watch until they are killed, to run in processes of their own."""

import os
import random
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

from artifact_store import Artifact, ArtifactFilter, ArtifactStore, VersionConflict

__all__ = [
    "COMPLETE",
    "FLEETING",
    "KEYS",
    "POSITION",
    "RESULT",
    "follow",
    "log_versions",
    "publish",
    "read_log",
]

COMPLETE = ["complete-1", "complete-2", "complete-3"]
FLEETING = ["fleeting-1", "fleeting-2"]  # versions of these are deleted
KEYS = [*COMPLETE, *FLEETING]
RESULT, POSITION = "result", "result/position"
BULK = 50


def publish(url: str, seed: str, stop: Any) -> None:
    """Publish one by one, in bulk and in blocks that commit late, and delete, until told to stop."""
    choose = random.Random(seed)
    with ArtifactStore(url) as store:
        while not stop.is_set():
            choose.choice([publish_one, publish_one, publish_many, publish_late, delete])(
                store, choose
            )


def item(key: str) -> dict[str, Any]:
    """Return an artifact to publish, which says what it is."""
    return {"key": key, "data": {"of": key}}


def publish_one(store: ArtifactStore, choose: random.Random) -> None:
    """Publish a version of a key."""
    for _ in range(5):
        store.create_artifact(**item(choose.choice(KEYS)))


def publish_many(store: ArtifactStore, choose: random.Random) -> None:
    """Publish many versions in one transaction."""
    store.create_artifacts([item(key) for key in sorted(choose.choices(KEYS, k=BULK))])


def publish_late(store: ArtifactStore, choose: random.Random) -> None:
    """Publish in a block whose ids are lower than those of what others commit before it."""
    with store.atomic():
        for key in sorted(choose.sample(KEYS, 2)):
            store.create_artifact(**item(key))
        time.sleep(choose.random() / 20)


def delete(store: ArtifactStore, choose: random.Random) -> None:
    """Delete some versions of a key, or all of them."""
    of_key = ArtifactFilter(key={"any_": [choose.choice(FLEETING)]})
    found = store.read_artifacts(limit=20, artifact_filter=of_key, include_data=False)
    if not found:
        return
    if choose.random() < 0.3:
        store.delete_artifacts(of_key)
    else:
        store.delete_artifact(choose.choice(found).id)


def read_log(path: Path) -> list[tuple[str, int]]:
    """Return the keys and versions that a watcher has acknowledged."""
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return [(key, int(version)) for key, version in (line.split() for line in lines)]


def log_versions(url: str, path: Path, keys: list[str] | None) -> None:
    """Watch, and acknowledge each version by a line in a log, which is also the position."""
    position: dict[str, int] = defaultdict(int)
    for key, version in read_log(path):
        position[key] = max(version, position[key])
    log = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    of_keys = ArtifactFilter(key={"any_": KEYS})
    with ArtifactStore(url) as store:
        for artifact in store.watch(keys, after=dict(position), artifact_filter=of_keys):
            assert artifact.data == {"of": artifact.key}
            os.write(log, f"{artifact.key} {artifact.version}\n".encode())


def follow(url: str) -> None:
    """Publish a result for each version exactly once: with the position, in one transaction."""
    with ArtifactStore(url) as store:
        while True:
            # Another one may be killed slowly, and commit after this one has read the position.
            with suppress(VersionConflict):
                follow_on(store)


def follow_on(store: ArtifactStore) -> None:
    """Go on at the stored position; that is the recipe of docs/how-to/workers.md."""
    saved = store.read_latest_artifact(POSITION)
    position: dict[str, int] = saved.data if saved else {}
    saved_version = saved.version if saved else None
    for artifact in store.watch(COMPLETE, after=position):
        position[str(artifact.key)] = int(artifact.version or 0)
        with store.atomic(expect={POSITION: saved_version}):
            store.create_artifact(key=RESULT, data=result_of(artifact))
            saved_version = store.create_artifact(key=POSITION, data=position).version


def result_of(artifact: Artifact) -> list[Any]:
    """Return what is published for a version."""
    return [artifact.key, artifact.version]
