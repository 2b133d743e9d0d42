"""Writers that publish one key under conditions, all at once: one success per version, and answers that are lost."""

import itertools
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any
from uuid import UUID

import pytest

from artifact_store import ArtifactStore, VersionConflict
from tests.helpers.processes import (
    WORKERS,
    assert_latest_is_right,
    at_once,
    barriers,
    healthy,
    numbered,
    versions,
)
from tests.helpers.proxy import Proxy

NUMBERS = itertools.count(1)
LAST = 120
ROUNDS = 25
A = UUID("019ab000-0000-7000-8000-00000000000a")


# Expected versions


def publish_after(store: ArtifactStore, way: str, expected: int | None, data: Any) -> int:
    """Publish the version after an expected one, in one of several ways; return its number."""
    if way == "create":
        made = store.create_artifact(key="k", data=data, expect_version=expected)
    elif way == "skip":
        made = store.create_artifact(
            key="k", data=data, expect_version=expected, skip_unchanged=True
        )
    elif way == "bulk":
        many = [{"key": "k", "data": data, "expect_version": expected}, {"key": "other"}]
        made = store.create_artifacts(many)[0]
    else:
        with store.atomic(expect={"k": expected, "other": expected}):
            made = store.create_artifact(key="k", data=data)
            store.create_artifact(key="other")
    assert made.version is not None
    return made.version


def race(url: str, way: str, last: int) -> list[int]:
    """Read the latest version and publish the next one, until the last; return the own versions."""
    won = []
    with ArtifactStore(url) as store:
        while True:
            latest = store.read_latest_artifact("k")
            number = None if latest is None else latest.version
            if number is not None and number >= last:
                return won
            data = None if latest is None else str(latest.id)
            try:
                won.append(publish_after(store, way, number, data))
            except VersionConflict:
                continue


@pytest.mark.parametrize("way", ["create", "skip", "bulk", "block"])
def test_eight_writers_of_one_key(url: str, way: str) -> None:
    ArtifactStore(url).close()
    last = LAST if way == "create" else LAST // 3
    won = at_once(*[(race, url, way, last) for _ in range(WORKERS)])
    assert sorted(chain(*won)) == list(range(1, last + 1)), "one success per number"
    keys = ["k"] if way in ("create", "skip") else ["k", "other"]
    assert versions(url) == numbered(keys, last)
    with healthy(url) as store:
        assert_latest_is_right(url, store)
        chained = [store.read_artifact_ref(f"k@{number}") for number in range(1, last + 1)]
        ids = [None, *[str(each.id) for each in chained if each is not None]]
        assert [each.data for each in chained if each is not None] == ids[:-1], "a chain"


def first_of_key(url: str, gate: Any, rounds: int, in_block: bool) -> list[int]:
    """Try to publish the first version of one key after the other; return those that were won."""
    won = []
    with ArtifactStore(url) as store:
        for number in range(rounds):
            gate.wait(100)
            key = f"k{number:02}"
            try:
                if in_block:
                    with store.atomic(expect={key: None, "a": None}):
                        store.create_artifact(key=key)
                else:
                    store.create_artifact(key=key, expect_version=None)
                won.append(number)
            except VersionConflict:
                continue
    return won


@pytest.mark.parametrize("in_block", [False, True])
def test_eight_writers_of_the_first_version(url: str, in_block: bool) -> None:
    ArtifactStore(url).close()
    (gate,) = barriers(WORKERS)
    won = at_once(*[(first_of_key, url, gate, ROUNDS, in_block) for _ in range(WORKERS)])
    assert sorted(chain(*won)) == list(range(ROUNDS))
    assert versions(url) == numbered([f"k{number:02}" for number in range(ROUNDS)], 1)
    healthy(url).close()


# Unchanged content


def publish_the_same(url: str, gate: Any, rounds: int, in_bulk: bool) -> set[str]:
    """Publish the same as the others, in rounds; return the ids of what was returned."""
    ids = set()
    with ArtifactStore(url) as store:
        for number in range(rounds):
            gate.wait(100)
            given: dict[str, Any] = {"key": "k", "data": {"round": number}, "skip_unchanged": True}
            many = [given, given] if in_bulk else [given]
            made = store.create_artifacts(many) if in_bulk else [store.create_artifact(**given)]
            ids.update(str(each.id) for each in made)
    return ids


@pytest.mark.parametrize("in_bulk", [False, True])
def test_eight_writers_of_the_same_make_one_version(url: str, in_bulk: bool) -> None:
    ArtifactStore(url).close()
    (gate,) = barriers(WORKERS)
    ids = at_once(*[(publish_the_same, url, gate, ROUNDS, in_bulk) for _ in range(WORKERS)])
    assert versions(url) == numbered(["k"], ROUNDS)
    with healthy(url) as store:
        assert_latest_is_right(url, store)
        assert set.union(*ids) == {str(each.id) for each in store.read_artifacts()}


# Answers that are lost


@pytest.fixture
def server_url(postgres: str) -> str:
    """The address of a store on PostgreSQL: SQLite has no answers to lose."""
    return f"{postgres}&schema=conditions_{os.getpid()}_{next(NUMBERS)}"


@pytest.fixture
def other(server_url: str) -> Iterator[ArtifactStore]:
    """The store by which others write."""
    with ArtifactStore(server_url) as opened:
        yield opened
        assert_latest_is_right(server_url, opened)


def next_of(store: ArtifactStore, given: dict[str, Any], bulk: bool) -> Any:
    return store.create_artifacts([given])[0] if bulk else store.create_artifact(**given)


@pytest.mark.parametrize("level", ["", "&isolation_level=SERIALIZABLE"])
@pytest.mark.parametrize("expected", [None, 1])
@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("given_id", [None, A])
def test_a_lost_answer_is_still_one(
    other: ArtifactStore,
    server_url: str,
    level: str,
    expected: int | None,
    bulk: bool,
    given_id: UUID | None,
) -> None:
    """The next version is there before the store tries again, so the expectation does not hold."""
    if expected is not None:
        other.create_artifact(key="k", data=0)
    given = {"key": "k", "data": "ours", "expect_version": expected}
    if given_id is not None:
        given["id"] = given_id
    with Proxy(server_url) as proxy, ArtifactStore(f"{proxy.url}{level}") as store:
        store.read_artifact(A)
        word = b"COMMIT" if bulk or level else b"INSERT"
        proxy.lose_answer(word, lambda: other.create_artifact(key="k", data="theirs"))
        made = next_of(store, given, bulk)
        assert proxy.lost == 1
    first = 1 if expected is None else 2
    assert (made.version, made.data) == (first, "ours")
    assert other.count_artifacts() == first + 1


@pytest.mark.parametrize("level", ["", "&isolation_level=SERIALIZABLE"])
def test_a_lost_message_is_still_judged(other: ArtifactStore, server_url: str, level: str) -> None:
    """Nothing was created, and then another one publishes: that is a conflict."""
    other.create_artifact(key="k")
    with Proxy(server_url) as proxy, ArtifactStore(f"{proxy.url}{level}") as store:
        store.read_artifact(A)
        word = b"COMMIT" if level else b"INSERT"
        proxy.lose_message(word, lambda: other.create_artifact(key="k", data="theirs"))
        with pytest.raises(VersionConflict, match="k is at version 2, not 1"):
            store.create_artifact(key="k", data="ours", expect_version=1)
        assert proxy.lost == 1
    assert other.count_artifacts() == 2


@pytest.mark.parametrize("bulk", [False, True])
def test_a_lost_answer_about_what_is_unchanged(
    other: ArtifactStore, server_url: str, bulk: bool
) -> None:
    """It was unchanged when it was committed, so no version is made after that of another one."""
    first = other.create_artifact(key="k", data="ours")
    with Proxy(server_url) as proxy, ArtifactStore(proxy.url) as store:
        store.read_artifact(A)
        proxy.lose_answer(b"COMMIT", lambda: other.create_artifact(key="k", data="theirs"))
        made = next_of(store, {"key": "k", "data": "ours", "skip_unchanged": True}, bulk)
        assert proxy.lost == 1
    assert (made.id, made.updated > first.updated) == (first.id, True)
    assert other.count_artifacts() == 2


def test_writers_that_lose_answers_all_the_time(other: ArtifactStore, server_url: str) -> None:
    choose = random.Random(12)
    with Proxy(server_url) as proxy, ThreadPoolExecutor(4) as threads:
        url = f"{proxy.url}&timeout=60"
        ArtifactStore(url).close()
        proxy.chance = lambda message: b"INSERT" in message and choose.random() < 0.1
        racing: Callable[[int], list[int]] = lambda _: race(url, "create", 60)  # noqa: E731
        won = list(threads.map(racing, range(4)))
        assert proxy.lost > 3
    assert sorted(chain(*won)) == list(range(1, 61))
    assert versions(server_url) == numbered(["k"], 60)
