"""A few seconds of watchers and writers that are killed; `python -m tests.watching` runs longer."""

from itertools import islice
from pathlib import Path

from artifact_store import ArtifactStore
from tests.helpers.processes import AtOnce
from tests.watching import watch_while_killing

SECONDS = 4.0


def test_each_version_is_delivered_once_although_processes_are_killed(
    store_url: str, tmp_path: Path
) -> None:
    done = watch_while_killing(store_url, SECONDS, tmp_path)
    assert done.faults == []
    assert done.kills > 2
    assert done.delivered > done.published / 2 > 10


def create_many(url: str, count: int) -> None:
    """Publish many versions of two keys in one transaction."""
    with ArtifactStore(url) as store:
        store.create_artifacts({"key": f"bulk-{n % 2}", "data": n} for n in range(count))


def test_a_bulk_of_10_000(store: ArtifactStore) -> None:
    news = store.watch()
    publishing = AtOnce((create_many, store.url, 10_000))
    found: dict[str, list[int]] = {"bulk-0": [], "bulk-1": []}
    for artifact in islice(news, 10_000):
        found[str(artifact.key)].append(artifact.data)
    assert found == {"bulk-0": list(range(0, 10_000, 2)), "bulk-1": list(range(1, 10_000, 2))}
    publishing.results()
