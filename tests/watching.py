"""Lets processes publish, watch and die, and checks that every version was delivered in order, once.

Run it from the root of the project; pytest runs a few seconds of it:

    python -m tests.watching --seconds 60 --engine both
"""

import argparse
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from artifact_store import ArtifactFilter, ArtifactStore
from tests.helpers.processes import PROCESSES, healthy, versions
from tests.helpers.watching_workers import (
    COMPLETE,
    KEYS,
    RESULT,
    follow,
    log_versions,
    publish,
    read_log,
)
from tests.histories import places

WRITERS = 4
_PATIENCE = 20  # seconds without progress


class Outcome(NamedTuple):
    """What happened, and what was wrong."""

    published: int
    delivered: int
    kills: int
    faults: list[str]


class Job:
    """A process that is started again when it is killed."""

    def __init__(self, work: Callable[..., Any], *args: Any) -> None:
        self.work, self.args = work, args
        self.start()

    def start(self) -> None:
        self.process = PROCESSES.Process(target=self.work, args=self.args, daemon=True)
        self.process.start()

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


def watch_while_killing(url: str, seconds: float, directory: Path) -> Outcome:
    """Let 4 writers and 3 watchers work, kill them at random instants, and check what was delivered.

    Args:
        url: the address of a new store.
        seconds: how long the writers work.
        directory: where the logs go.
    """
    healthy(url).close()
    stop = PROCESSES.Event()
    logs = {directory / "all": None, directory / "given": KEYS}
    writers = [Job(publish, url, f"writer {number}", stop) for number in range(WRITERS)]
    watchers = [Job(log_versions, url, path, keys) for path, keys in logs.items()]
    watchers.append(Job(follow, url))

    kills = kill_at_random(writers + watchers, seconds)
    stop.set()
    for each in writers:
        each.process.join(100)
    faults = [
        f"a writer ended with {each.process.exitcode}" for each in writers if each.process.exitcode
    ]
    faults += until_all_is_delivered(url, list(logs))
    faults += [f"{each.work.__name__} ended" for each in watchers if not each.process.is_alive()]
    for each in watchers:
        each.kill()

    for path in logs:
        faults += check_log(url, path)
    faults += check_results(url)
    with healthy(url) as store:
        published = sum(each.version or 0 for each in store.read_latest_artifacts())
    delivered = sum(len(read_log(path)) for path in logs)
    return Outcome(published, delivered, kills, faults)


def kill_at_random(jobs: list[Job], seconds: float) -> int:
    """Kill one job after another, and start it again; return how many were killed."""
    end = time.monotonic() + seconds
    kills = 0
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, random.uniform(0.2, 0.8)))
        victim = random.choice(jobs)
        if victim.process.is_alive():
            victim.kill()
            victim.start()
            kills += 1
    return kills


def until_all_is_delivered(url: str, logs: list[Path]) -> list[str]:
    """Wait until the watchers have come to the end; fail if they make no progress any more."""
    existing = {(key, version) for key, found in versions(url).items() for version in found}
    wanted = {each for each in existing if each[0] in KEYS}
    of_results = {each for each in wanted if each[0] in COMPLETE}
    missing, deadline = -1, time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        behind = [len(wanted - set(read_log(path))) for path in logs]
        behind.append(len(of_results - results(url).keys()))
        if sum(behind) == 0:
            return []
        if sum(behind) != missing:
            missing, deadline = sum(behind), time.monotonic() + _PATIENCE
        time.sleep(0.5)
    return [f"the watchers do not come to the end: {behind} are missing"]


def check_log(url: str, path: Path) -> list[str]:
    """Check that each version that is left was acknowledged, once and in order."""
    faults = []
    acknowledged = defaultdict(list)
    for key, version in read_log(path):
        acknowledged[key].append(version)
    for key, found in acknowledged.items():
        if found != sorted(set(found)):
            faults.append(f"{path.name}: {key} out of order or twice: {found}")
    for key, existing in versions(url).items():
        if key in COMPLETE and acknowledged[key] != existing:
            faults.append(f"{path.name}: {key} has {existing}, delivered were {acknowledged[key]}")
        elif key in KEYS and not set(existing) <= set(acknowledged[key]):
            faults.append(f"{path.name}: {key} is not complete")
    return faults


def results(url: str) -> Counter[tuple[str, int]]:
    """Return how often a result was published for each version."""
    with ArtifactStore(url) as store:
        found = store.read_artifacts(
            artifact_filter=ArtifactFilter(key={"any_": [RESULT]}), limit=None
        )
        return Counter((each.data[0], each.data[1]) for each in found)


def check_results(url: str) -> list[str]:
    """Check that a result was published once for each version of the complete keys."""
    expected = {
        (key, version)
        for key, found in versions(url).items()
        if key in COMPLETE
        for version in found
    }
    counts = results(url)
    faults = [f"{each} has {count} results" for each, count in counts.items() if count != 1]
    if set(counts) != expected:
        faults.append("the results are not those of the versions")
    return faults


def main() -> None:
    """Run it, print what was done, and fail unless all is well."""
    parser = argparse.ArgumentParser(description="Watchers and writers that are killed.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each engine")
    parser.add_argument("--engine", choices=["sqlite", "postgresql", "both"], default="both")
    given = parser.parse_args()
    failed = False
    for name, url in places(given.engine, [""]):
        with tempfile.TemporaryDirectory(prefix="logs") as directory:
            done = watch_while_killing(url, given.seconds, Path(directory))
        failed |= bool(done.faults)
        print(
            f"{name:<12} {done.published} versions, {done.delivered} deliveries, "
            f"{done.kills} kills, {len(done.faults)} faults"
        )
        for fault in done.faults[:20]:
            print("   ", fault[:500])
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
