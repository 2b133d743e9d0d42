"""Aliases that processes move by compare-and-set, while others publish, delete, change and are killed."""

import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from artifact_store import ArtifactStore, VersionConflict
from tests.helpers.alias_workers import KEY, attack, hold, move, publish_and_delete
from tests.helpers.processes import PROCESSES, at_once, healthy, in_child, wait_for
from tests.helpers.proxy import Proxy

MOVERS, TIMES = 8, 4


def words(path: Path) -> list[str]:
    """Return what a process has written to its log."""
    return path.read_text().split() if path.exists() else []


def assert_unbroken(store: ArtifactStore) -> Counter[Any]:
    """Check that each move begins where the last one ended; return how many each flow run has made."""
    moves = store.read_alias_history(KEY, "prod")[::-1]
    version = None
    for number, each in enumerate(moves, 1):
        assert (each.number, each.from_version) == (number, version)
        version = each.to_version
    assert [alias.version for alias in store.read_aliases(KEY)] == [version]
    assert store.get(f"{KEY}@prod").version == version
    return Counter(str(each.flow_run_id) for each in moves)


def race(url: str, directory: Path, times: int, killed: int) -> Counter[str]:
    """Let processes move an alias while others publish and delete, and kill some; return what they know."""
    stop = directory / "stop"
    logs = [directory / f"mover-{number}" for number in range(MOVERS)]
    movers = [PROCESSES.Process(target=move, args=(url, log, times), daemon=True) for log in logs]
    others = [
        PROCESSES.Process(target=publish_and_delete, args=(url, stop), daemon=True) for _ in "ab"
    ]
    for each in movers + others:
        each.start()
    for mover, log in list(zip(movers, logs, strict=True))[:killed]:
        wait_for(lambda log=log: words(log).count("moved") >= times // 2)
        mover.kill()
    for each in movers:
        each.join(300)
    stop.touch()
    for each in others:
        each.join(60)
    codes = [each.exitcode for each in movers + others]
    assert set(codes[killed:]) == {0}
    assert set(codes[:killed]) <= {0, -signal.SIGKILL}  # it may have ended before

    with healthy(url) as store:
        made = assert_unbroken(store)
    total: Counter[str] = Counter()
    for log in logs:
        run_id, *done = words(log)
        total.update(done)
        in_doubt = done[-1] == "intent"
        # Only the last move of a killed process may be committed and not known.
        assert made[run_id] - done.count("moved") in ((0, 1) if in_doubt else (0,))
        total["unknown"] += made.pop(run_id, 0) - done.count("moved")
    assert not made
    return total


def test_compare_and_set_loses_no_move(store_url: str, tmp_path: Path) -> None:
    with ArtifactStore(store_url) as store:
        store.create_artifacts([{"key": KEY}] * 3)
    total = race(store_url, tmp_path, TIMES, killed=0)
    assert total["moved"] == MOVERS * TIMES
    assert total["unknown"] == 0


def test_processes_that_are_killed_leave_whole_moves(store_url: str, tmp_path: Path) -> None:
    with ArtifactStore(store_url) as store:
        store.create_artifacts([{"key": KEY}] * 3)
    total = race(store_url, tmp_path, TIMES, killed=2)
    assert (MOVERS - 2) * TIMES <= total["moved"] <= MOVERS * TIMES


def test_what_an_alias_names_is_neither_deleted_nor_changed(store_url: str, tmp_path: Path) -> None:
    attack_what_is_named(store_url, tmp_path / "stop")


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_it_stays_at_each_isolation_level(postgres: str, tmp_path: Path, level: str) -> None:
    url = f"{postgres}&schema=held_{level[:6]}&isolation_level={level.replace(' ', '%20')}"
    ArtifactStore(url).close()
    attack_what_is_named(url, tmp_path / "stop")


def attack_what_is_named(url: str, stop: Path) -> None:
    """Delete and change what an alias names in other processes, while one moves the alias and reads."""
    ways = ("delete all", "delete", "update")
    reads, *refused = at_once((hold, url, stop, 12), *[(attack, url, stop, way) for way in ways])
    assert reads > 0
    assert len(refused) == len(ways)
    healthy(url).close()


def test_threads_move_an_alias(store: ArtifactStore) -> None:
    versions = [each.version for each in store.create_artifacts([{"key": KEY}] * 5)]
    store.set_alias(KEY, "prod", 1)
    won: list[int] = []

    def step(target: int) -> None:
        try:
            won.append(store.set_alias(KEY, "prod", target, expect=1).version)
        except VersionConflict:
            return

    threads = [threading.Thread(target=step, args=(each,)) for each in versions[1:]]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [alias.version for alias in store.read_aliases()] == won
    assert [move.to_version for move in store.read_alias_history(KEY)] == [*won, 1]


def test_a_forked_child_moves_an_alias(store: ArtifactStore) -> None:
    store.create_artifacts([{"key": KEY}] * 2)
    store.set_alias(KEY, "prod", 1)
    assert in_child(lambda: repr(store.set_alias(KEY, "prod", 2, expect=1))) == (
        "<Alias model@prod is version 2>"
    )
    assert store.get("model@prod").version == 2
    assert store.delete_alias(KEY, "prod", expect=2)


@pytest.mark.parametrize("lost", ["answer", "message"])
def test_a_lost_commit_is_one_move(postgres: str, lost: str) -> None:
    url = f"{postgres}&schema=lost_{lost}"
    with ArtifactStore(url) as direct, Proxy(url) as proxy:
        direct.create_artifacts([{"key": KEY}] * 3)
        with ArtifactStore(proxy.url) as store:
            for version, expected in ((1, None), (2, 1)):
                getattr(proxy, f"lose_{lost}")()
                alias = store.set_alias(KEY, "prod", version, expect=expected)
                assert alias.version == version
                assert direct.read_aliases() == [alias]
            getattr(proxy, f"lose_{lost}")()
            assert store.delete_alias(KEY, "prod", expect=2) is True
            assert proxy.lost == 3
        moves = [(each.from_version, each.to_version) for each in direct.read_alias_history(KEY)]
        assert moves == [(2, None), (1, 2), (None, 1)]
        assert direct.verify() == []


def test_a_move_after_the_lost_commit_stays(postgres: str) -> None:
    """The retry finds its own move in the history, and does not repeat it over that of another."""
    url = f"{postgres}&schema=lost_and_moved"
    with ArtifactStore(url) as direct, Proxy(url) as proxy:
        direct.create_artifacts([{"key": KEY}] * 3)
        with ArtifactStore(proxy.url) as store:
            proxy.lose_answer(then=lambda: direct.set_alias(KEY, "prod", 3, expect=1))
            assert store.set_alias(KEY, "prod", 1).version == 1
        assert [alias.version for alias in direct.read_aliases()] == [3]
        assert [each.to_version for each in direct.read_alias_history(KEY)] == [3, 1]
