"""A few seconds of histories on each engine and isolation level; `python -m tests.histories` runs longer ones."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.histories import LEVELS, Checker, History, history

SECONDS = 3.0
NAMES = ["sqlite", *(f"postgresql {level}".strip() for level in LEVELS)]


def address(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if name == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    level = name.removeprefix("postgresql").strip()
    schema = f"&schema=histories_{uuid4().hex}"
    isolation = f"&isolation_level={level.replace(' ', '%20')}" if level else ""
    return f"{request.getfixturevalue('postgres')}{schema}{isolation}"


def assert_well(done: History) -> None:
    print(
        f"\n{done.creates} artifacts, {sum(done.counts.values())} operations, {done.verified} verifies"
    )
    assert done.faults == []
    assert done.verified > 0
    assert done.creates > 0


@pytest.mark.parametrize("name", NAMES)
def test_what_processes_are_told_is_what_is_stored(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    done = history(address(name, request, tmp_path), SECONDS, tmp_path)
    assert_well(done)


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_workers_that_are_killed(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    done = history(f"{address(name, request, tmp_path)}", SECONDS, tmp_path, kill=True)
    assert_well(done)
    assert len(list(tmp_path.glob("*.log"))) > 5


LINES = {
    "lost": '{"op": "create", "begun": 1, "creates": ["k"], "deletes": false}\n'
    '{"outcome": "done", "ended": 2, "made": [["a", "k", 1]], "deleted": 0, "updated": null}\n',
    "reused": '{"op": "create", "begun": 3, "creates": ["k"], "deletes": false}\n'
    '{"outcome": "done", "ended": 4, "made": [["b", "k", 1]], "deleted": 0, "updated": null}\n',
}


def test_the_check_can_fail(tmp_path: Path) -> None:
    from artifact_store import ArtifactStore

    log = tmp_path / "0.log"
    log.write_text("".join(LINES.values()), encoding="ascii")
    checker = Checker([log])
    with ArtifactStore("sqlite:///:memory:") as store:
        checker.check(store)
    assert checker.faults == [
        "k@1 was given to a and to b",
        "k: the counter is 0, 1 to 1 versions were given out",
        "k@1 was given out after k@1",
    ]


def test_answers_that_are_lost(postgres: str, tmp_path: Path) -> None:
    done = history(
        f"{postgres}&schema=histories_{uuid4().hex}", SECONDS, tmp_path, kill=True, lose=3.0
    )
    assert_well(done)
