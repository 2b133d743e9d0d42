"""Lets processes write at once, and compares the results that they got with what is stored.

Each worker logs what it begins and what it gets back, in a file that survives if it is killed. Afterwards the logs are
compared with the database: nothing that was acknowledged is lost, nothing is stored twice, no version number was used
twice, counters and deletes add up, and `verify` never found an inconsistency. Run it from the root of the project:

    python -m tests.histories --seconds 60 --engine postgresql --isolation serializable --kill --lose
"""

import argparse
import json
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from artifact_store import Artifact, ArtifactStore
from tests.helpers.history_workers import watch, work
from tests.helpers.proxy import Proxy
from tests.helpers.servers import Server

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["artifact_store", "artifact_store.db.postgresql"])
WORKERS = 5
LEVELS = ("", "read committed", "repeatable read", "serializable")


# What must hold of all of it


class History(NamedTuple):
    """What was done on one database and what came of it.

    Attributes:
        counts: the acknowledged operations by name.
        creates: how many artifacts were acknowledged.
        unknown: how many operations have no answer.
        verified: how often the store was verified meanwhile.
        faults: sentences about what is wrong; none is well.
    """

    counts: Counter[str]
    creates: int
    unknown: int
    verified: int
    faults: list[str]


class Checker:
    """Reads the logs and holds them against the database."""

    def __init__(self, logs: list[Path]) -> None:
        self.faults: list[str] = []
        self.counts: Counter[str] = Counter()
        self.versions: dict[str, dict[int, str]] = defaultdict(dict)
        self.ids: set[str] = set()  # of keyless artifacts
        self.order: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
        self.deleted = self.unknown = self.creates = 0
        self.perhaps_made: Counter[str | None] = Counter()
        self.perhaps_deleted = False
        self.updated: dict[str, int] = {}
        for path in logs:
            self._read(path)

    def _read(self, path: Path) -> None:
        begun: dict[str, Any] | None = None
        for line in path.read_text(encoding="ascii").splitlines():
            entry = json.loads(line)
            if "op" in entry:
                begun = entry
            elif begun is not None:
                self._take(begun, entry)
                begun = None
        if begun is not None:  # the worker was killed
            self._lose(begun)

    def _take(self, begun: dict[str, Any], ended: dict[str, Any]) -> None:
        if ended["outcome"] == "failure":
            self.faults.append(f"{begun['op']} failed: {ended['error']}")
        if ended["outcome"] in ("failure", "unknown"):
            self._lose(begun)
        if ended["outcome"] != "done":
            return
        self.counts[begun["op"]] += 1
        self.deleted += ended["deleted"]
        if ended["updated"] is not None:
            target, number = ended["updated"]
            self.updated[target] = number
        self.creates += len(ended["made"])
        for artifact_id, key, version in ended["made"]:
            if key is None:
                self.ids.add(artifact_id)
                continue
            known = self.versions[key].setdefault(version, artifact_id)
            if known != artifact_id:
                self.faults.append(f"{key}@{version} was given to {known} and to {artifact_id}")
            if begun["op"] != "create by id":  # which may be a repeat
                self.order[key].append((begun["begun"], ended["ended"], version))

    def _lose(self, begun: dict[str, Any]) -> None:
        self.unknown += 1
        self.perhaps_made.update(begun["creates"])
        self.perhaps_deleted |= begun["deletes"]

    def check(self, store: ArtifactStore) -> None:
        """Compare what was acknowledged with what is stored."""
        stored = {str(each.id): each for each in store.iter_artifacts()}
        counters = dict(
            store._engine.fetch_all("SELECT key, last_version FROM artifact_collection")
        )
        for artifact_id, each in stored.items():
            if (
                each.key is not None
                and self.versions[each.key].get(each.version or 0, artifact_id) != artifact_id
            ):
                self.faults.append(
                    f"{each.ref if hasattr(each, 'ref') else each.key} is not what was acknowledged"
                )
        for key in {*self.versions, *counters}:
            self._check_counter(key, counters.get(key, 0))
            self._check_order(key)
        self._check_balance(stored, sum(counters.values()))
        for target, number in self.updated.items():
            found = stored[target].data if target in stored else None
            if not isinstance(found, int) or found < number:
                self.faults.append(f"an update of {target} is lost: {found} instead of {number}")
        inconsistencies = store.verify()
        self.faults += [f"left behind: {each}" for each in inconsistencies]

    def _check_counter(self, key: str, last: int) -> None:
        """A counter is the number of creates: those that were acknowledged, and some of those without an answer."""
        told, most = len(self.versions[key]), len(self.versions[key]) + self.perhaps_made[key]
        if not told <= last <= most or (told and max(self.versions[key]) > last):
            self.faults.append(
                f"{key}: the counter is {last}, {told} to {most} versions were given out"
            )

    def _check_order(self, key: str) -> None:
        """What began after another create had its answer has a greater version."""
        ends = sorted((ended, version) for _, ended, version in self.order[key])
        place = greatest = 0
        for begun, _, version in sorted(self.order[key]):
            while place < len(ends) and ends[place][0] < begun:
                greatest = max(greatest, ends[place][1])
                place += 1
            if version <= greatest:
                self.faults.append(f"{key}@{version} was given out after {key}@{greatest}")

    def _check_balance(self, stored: dict[str, Artifact], keyed: int) -> None:
        """What was made is stored or was deleted; nobody deletes what has no key but by a shared id."""
        without_key = {artifact_id for artifact_id, each in stored.items() if each.key is None}
        lost = self.ids - without_key
        if lost:
            self.faults.append(f"{len(lost)} artifacts without key are lost")
        if len(without_key - self.ids) > self.perhaps_made[None]:
            self.faults.append(
                f"{len(without_key - self.ids)} artifacts without key are there twice"
            )
        gone = keyed - (len(stored) - len(without_key))
        if gone < self.deleted or (gone > self.deleted and not self.perhaps_deleted):
            self.faults.append(f"{gone} artifacts are gone, {self.deleted} were deleted")


# Running it


def history(
    url: str, seconds: float, directory: Path, kill: bool = False, lose: float = 0.0
) -> History:
    """Let workers write to a database, and check the results that they got.

    Args:
        url: the address of a store.
        seconds: how long.
        directory: where the logs go.
        kill: kill workers at random instants, and start others.
        lose: how many of a hundred answers to writes of PostgreSQL are lost.
    """
    direct = url
    if url.startswith("postgresql"):
        writers = f"writers{random.randrange(10**6)}"
        url = f"{url}&application_name={writers}"
    ArtifactStore(direct).close()
    with ExitStack() as stack:
        if lose:
            proxy = stack.enter_context(Proxy(url))
            choose = random.Random(1)
            proxy.chance = lambda message: (
                (b"COMMIT" in message or b"INSERT" in message) and choose.random() < lose / 100
            )
            url = proxy.url
        stop, (receiver, sender) = PROCESSES.Event(), PROCESSES.Pipe(duplex=False)
        watcher = PROCESSES.Process(target=watch, args=(direct, stop, sender), daemon=True)
        watcher.start()
        sender.close()  # so that the end of the watcher is noticed
        receiver.poll(100) and receiver.recv()
        logs = _let_work(url, seconds, directory, stop, kill, bool(lose))
        verified, found = _received(receiver)
        watcher.join()
    checker = Checker(logs)
    checker.faults += found
    with ArtifactStore(direct) as store:
        if url != direct:
            _wait_for_the_end_of(store, writers)
        checker.check(store)
    return History(checker.counts, checker.creates, checker.unknown, verified, checker.faults)


def _wait_for_the_end_of(store: ArtifactStore, writers: str) -> None:
    """Wait until the server has noticed the end of every killed client: until then it goes on with what it was told."""
    count = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{writers}'"
    while store._engine.fetch_one(count) != (0,):
        time.sleep(0.01)


def _received(receiver: Any) -> tuple[int, list[str]]:
    try:
        verified, found = receiver.recv() if receiver.poll(100) else (0, ["the watcher hangs"])
    except EOFError:
        verified, found = 0, ["the watcher died, see above"]
    return verified, [f"seen meanwhile: {each}" for each in found]


def _let_work(
    url: str, seconds: float, directory: Path, stop: Any, kill: bool, lossy: bool
) -> list[Path]:
    """Run the workers; return their logs."""
    logs: list[Path] = []

    def started() -> Any:
        logs.append(directory / f"{len(logs)}.log")
        process = PROCESSES.Process(
            target=work, args=(url, str(logs[-1]), stop, lossy), daemon=True
        )
        process.start()
        return process

    processes = [started() for _ in range(WORKERS)]
    while not all(log.exists() for log in logs) and all(
        process.is_alive() for process in processes
    ):
        time.sleep(0.01)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, random.uniform(0.1, 0.6)) if kill else left)
        if kill and left > 1:
            victim = processes.pop(random.randrange(len(processes)))
            victim.kill()
            victim.join()
            processes.append(started())
    stop.set()
    for process in processes:
        process.join(100)
        if process.exitcode != 0:
            with logs[0].open("a", encoding="ascii") as log:
                log.write(json.dumps({"op": "a worker", "creates": [], "deletes": False}) + "\n")
                log.write(
                    json.dumps({"outcome": "failure", "error": f"it ended with {process.exitcode}"})
                    + "\n"
                )
    return [log for log in logs if log.exists()]


def places(engine: str, levels: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the address of a new database for each history."""
    if engine != "postgresql":
        with tempfile.TemporaryDirectory(prefix="histories") as directory:
            yield "sqlite", f"sqlite:///{directory}/store.db"
    if engine != "sqlite":
        with Server(settings={"deadlock_timeout": "50ms", "fsync": "off"}) as server:
            for level in levels:
                parameter = f"&isolation_level={level.replace(' ', '%20')}" if level else ""
                yield (
                    f"postgresql {level}",
                    f"{server.url}&schema=h_{level.replace(' ', '_')}{parameter}",
                )


def main() -> None:
    """Run histories, print what was done, and fail unless all is well."""
    parser = argparse.ArgumentParser(
        description="Processes that write at once; fails unless all adds up."
    )
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="for each engine and isolation level"
    )
    parser.add_argument("--engine", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument(
        "--isolation", choices=[*LEVELS[1:], "all"], default="all", help="of PostgreSQL"
    )
    parser.add_argument("--kill", action="store_true", help="kill workers at random instants")
    parser.add_argument(
        "--lose", type=float, default=0.0, metavar="PERCENT", help="of the answers of PostgreSQL"
    )
    given = parser.parse_args()
    levels = list(LEVELS) if given.isolation == "all" else [given.isolation]
    failed = False
    for name, url in places(given.engine, levels):
        with tempfile.TemporaryDirectory(prefix="logs") as directory:
            lose = given.lose if name.startswith("postgresql") else 0.0
            done = history(url, given.seconds, Path(directory), given.kill, lose)
        failed |= bool(done.faults)
        print(
            f"{name:<28} {done.creates:>7} artifacts acknowledged, {sum(done.counts.values())} operations, "
            f"{done.unknown} without answer, {done.verified} verifies, {len(done.faults)} faults"
        )
        print("   ", ", ".join(f"{count} {op}" for op, count in done.counts.most_common()))
        for fault in done.faults[:20]:
            print("   ", fault)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
