"""Races of writers of one key on PostgreSQL, each step of them in a fixed order."""

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest

from artifact_store import (
    ArtifactConflict,
    ArtifactFilter,
    ArtifactNotFound,
    ArtifactProtected,
    ArtifactStore,
    IntegrityViolation,
    VersionConflict,
)
from tests.helpers.bare import bare
from tests.helpers.processes import assert_latest_is_right, wait_for
from tests.helpers.proxy import Proxy

NUMBERS = itertools.count(1)
LEVELS = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
A = UUID("019ab000-0000-7000-8000-00000000000a")
OF_K = ArtifactFilter(key={"any_": ["k"]})


@pytest.fixture
def url(postgres: str) -> str:
    return f"{postgres}&schema=races_{os.getpid()}_{next(NUMBERS)}"


@pytest.fixture
def other(url: str) -> Iterator[ArtifactStore]:
    """The store by which others write."""
    with ArtifactStore(url) as opened:
        yield opened
        assert_latest_is_right(url, opened)


@pytest.fixture(params=[None, *LEVELS])
def store(
    request: pytest.FixtureRequest, url: str, other: ArtifactStore
) -> Iterator[ArtifactStore]:
    """The store that is looked at, at each isolation level and at the server's own."""
    level = "" if request.param is None else f"&isolation_level={request.param.replace(' ', '%20')}"
    with ArtifactStore(f"{url}&application_name=looked_at{level}") as opened:
        yield opened


def waits_for_a_lock(url: str) -> bool:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'looked_at'"
    return bool(bare(url, waiting))


@contextmanager
def behind(other: ArtifactStore, url: str, call: Callable[[], Any]) -> Iterator[Future[Any]]:
    """Start a call that waits for the lock of `k`, which a block of others holds until this is left."""
    with ThreadPoolExecutor(1) as threads:
        with other.atomic():
            other.create_artifact(key="k", data="held")
            called = threads.submit(call)
            wait_for(lambda: waits_for_a_lock(url))
            yield called
        called.exception(60)


def test_a_create_that_waited_for_the_last_delete(
    store: ArtifactStore, other: ArtifactStore, url: str
) -> None:
    with behind(other, url, lambda: store.create_artifact(key="k")) as created:
        other.delete_artifacts(OF_K)
    assert created.result().version == 2
    assert [each.version for each in other.read_artifacts()] == [2]


@pytest.mark.parametrize("in_block", [False, True])
def test_an_update_of_what_is_made_again_under_another_key(
    store: ArtifactStore, other: ArtifactStore, url: str, in_block: bool
) -> None:
    """The update has seen it under `k` and waits for its lock; then it is the latest of `j`."""
    other.create_artifact(id=A, key="k", data=1)
    update = lambda: store.update_artifact(A, data=2)  # noqa: E731
    with behind(
        other, url, lambda: store.run_in_transaction(update) if in_block else update()
    ) as updated:
        other.delete_artifact(A)
        other.create_artifact(id=A, key="j", data=1)
    assert updated.result() is True
    assert other.read_latest_artifact("j").data == 2


@pytest.mark.parametrize("call", ["update", "delete"])
def test_what_is_made_again_under_another_key_and_named_there(
    store: ArtifactStore, other: ArtifactStore, url: str, call: str
) -> None:
    """The alias that names it was set while this waited for the lock of its former key."""
    other.set_alias(other.create_artifact(key="k", data=0), "old")
    other.create_artifact(id=A, key="k", data=1)
    write = lambda: store.update_artifact(A, data=2)  # noqa: E731
    if call == "delete":
        write = lambda: store.delete_artifact(A)  # noqa: E731
    with behind(other, url, write) as written:
        other.delete_artifact(A)
        other.set_alias(other.create_artifact(id=A, key="j", data=1), "prod")
    with pytest.raises(ArtifactProtected, match=r"j@1 is protected: the alias prod names it"):
        written.result()
    assert other.get("j@prod").data == 1


@pytest.mark.parametrize("call", ["update", "delete", "delete all"])
def test_a_version_that_is_named_while_a_write_waits(
    store: ArtifactStore, other: ArtifactStore, url: str, call: str
) -> None:
    """No alias names any version of the key when the write begins."""
    other.create_artifact(id=A, key="k", data=1)
    writes: dict[str, Callable[[], Any]] = {
        "update": lambda: store.update_artifact(A, data=2),
        "delete": lambda: store.delete_artifact(A),
        "delete all": lambda: store.delete_artifacts(OF_K),
    }
    with behind(other, url, writes[call]) as written:
        other.set_alias("k", "prod", 1)
    with pytest.raises(ArtifactProtected, match=r"k@1 is protected: the alias prod names it"):
        written.result()
    assert other.get("k@prod").data == 1


@pytest.mark.parametrize("gone", ["delete", "delete all"])
def test_an_alias_is_not_set_to_what_was_deleted_meanwhile(
    store: ArtifactStore, other: ArtifactStore, url: str, gone: str
) -> None:
    other.create_artifacts([{"id": A, "key": "k"}, {"key": "k"}])
    with behind(other, url, lambda: store.set_alias("k", "prod", 1)) as named:
        if gone == "delete":
            other.delete_artifact(A)
        else:
            other.delete_artifacts(OF_K)
    with pytest.raises(ArtifactNotFound):
        named.result()
    assert other.read_aliases() == other.read_alias_history("k") == []


@pytest.mark.parametrize("in_block", [False, True])
def test_an_update_of_what_is_made_again_under_the_same_key(
    store: ArtifactStore, other: ArtifactStore, url: str, in_block: bool
) -> None:
    other.create_artifact(id=A, key="k", data=1)
    update = lambda: store.update_artifact(A, data=2)  # noqa: E731
    with behind(
        other, url, lambda: store.run_in_transaction(update) if in_block else update()
    ) as updated:
        other.delete_artifact(A)
        other.create_artifact(id=A, key="k", data=1)
    assert updated.result() is True
    assert other.read_latest_artifact("k").data == 2


def test_an_update_of_what_is_deleted_meanwhile(
    store: ArtifactStore, other: ArtifactStore, url: str
) -> None:
    other.create_artifact(id=A, key="k")
    with behind(other, url, lambda: store.update_artifact(A, data=2)) as updated:
        other.delete_artifact(A)
    assert updated.result() is False


@pytest.mark.parametrize("key", ["j", None])
def test_a_delete_of_what_is_made_again_elsewhere(
    store: ArtifactStore, other: ArtifactStore, url: str, key: str | None
) -> None:
    other.create_artifact(id=A, key="k")
    with behind(other, url, lambda: store.delete_artifact(A)) as deleted:
        other.delete_artifact(A)
        other.create_artifact(id=A, key=key)
    assert deleted.result() is True
    assert other.read_artifact(A) is None


def test_a_delete_by_filter_judges_under_the_lock(
    store: ArtifactStore, other: ArtifactStore, url: str
) -> None:
    """What no longer matches when the lock is held stays."""
    kept = other.create_artifact(key="k", type="draft")
    gone = other.create_artifact(key="k", type="draft")
    drafts = ArtifactFilter(type={"any_": ["draft"]})
    with behind(other, url, lambda: store.delete_artifacts(drafts)) as deleted:
        other.update_artifact(kept.id, type="final")
    assert deleted.result() == 1
    assert {each.id for each in other.read_artifacts(artifact_filter=OF_K)} & {
        kept.id,
        gone.id,
    } == {kept.id}


def test_a_delete_by_filter_leaves_what_is_made_again_under_a_key_that_it_did_not_lock(
    store: ArtifactStore, other: ArtifactStore, url: str
) -> None:
    other.create_artifact(id=A, key="k", type="draft")
    drafts = ArtifactFilter(type={"any_": ["draft"]})
    with behind(other, url, lambda: store.delete_artifacts(drafts)) as deleted:
        other.delete_artifact(A)
        other.create_artifact(id=A, key="j", type="draft")
    # A transaction that saw the moment before begins anew, and finds it there.
    again = store._engine.address.isolation_level in LEVELS[1:]
    assert deleted.result() == again
    assert (other.read_artifact(A) is None) == again


@pytest.mark.parametrize("by", ["id", "filter"])
def test_a_delete_of_the_latest_after_a_delete_of_the_one_before(
    store: ArtifactStore, other: ArtifactStore, by: str
) -> None:
    """At REPEATABLE READ the transaction still sees the version that has gone, and must not point to it."""
    first, second = other.create_artifacts([{"key": "k"}, {"key": "k"}])
    tries = []

    def delete() -> int:
        store.count_artifacts()  # this is the moment that it sees
        if not tries:
            other.delete_artifact(first.id)
        tries.append(1)
        if by == "id":
            return store.delete_artifact(second.id)
        return store.delete_artifacts(ArtifactFilter(id={"any_": [second.id]}))

    assert store.run_in_transaction(delete) == 1
    assert other.verify() == []
    assert other.read_latest_artifact("k") is None
    assert other.create_artifact(key="k").version == 3


@pytest.mark.parametrize("bulk", [False, True])
def test_an_id_that_is_taken_after_the_transaction_began(
    store: ArtifactStore, other: ArtifactStore, bulk: bool
) -> None:
    """The transaction cannot see what has taken it; one that begins anew can."""
    tries = []

    def create() -> Any:
        tries.append(store.count_artifacts())
        if len(tries) == 1:
            other.create_artifact(id=A, key="k", data=1)
        given = {"id": A, "key": "k", "data": 1}
        return store.create_artifacts([given])[0] if bulk else store.create_artifact(**given)

    assert store.run_in_transaction(create).version == 1
    assert other.count_artifacts() == 1


def test_in_a_block_an_id_that_is_taken_says_to_begin_anew(url: str, other: ArtifactStore) -> None:
    with ArtifactStore(f"{url}&isolation_level=REPEATABLE%20READ") as store, store.atomic():
        store.count_artifacts()
        other.create_artifact(id=A)
        for create in (
            lambda: store.create_artifact(id=A),
            lambda: store.create_artifacts([{"id": A}]),
        ):
            with pytest.raises(
                IntegrityViolation, match=r"created after this transaction began.*store\.run"
            ):
                create()


# Conditions


@pytest.mark.parametrize("expected", [None, 1])
def test_an_expected_version_that_is_no_longer_the_latest_after_the_wait(
    store: ArtifactStore, other: ArtifactStore, url: str, expected: int | None
) -> None:
    if expected is not None:
        other.create_artifact(key="k")
    create = lambda: store.create_artifact(key="k", expect_version=expected)  # noqa: E731
    with behind(other, url, create) as created:
        pass
    with pytest.raises(VersionConflict, match=f"k is at version {(expected or 0) + 1}"):
        created.result()
    assert other.read_latest_artifact("k").data == "held"


def test_what_is_equal_after_the_wait_makes_no_version(
    store: ArtifactStore, other: ArtifactStore, url: str
) -> None:
    first = other.create_artifact(key="k", data="other")
    create = lambda: store.create_artifact(key="k", data="held", skip_unchanged=True)  # noqa: E731
    with behind(other, url, create) as created:
        pass
    assert created.result().version == 2
    assert created.result() == other.read_latest_artifact("k")
    with behind(other, url, create) as created:
        other.update_artifact(other.read_latest_artifact("k").id, data="changed")
    assert (created.result().version, created.result().data) == (4, "held")
    assert other.read_artifact(first.id) == first


def test_a_block_expects_what_is_there_after_the_wait(
    store: ArtifactStore, other: ArtifactStore, url: str
) -> None:
    """The block begins again after a serialization failure, since nothing in it has run."""

    def publish(expected: int) -> int | None:
        with store.atomic(expect={"new": None, "k": expected}):
            return store.create_artifact(key="k").version

    other.create_artifact(key="k")
    with behind(other, url, lambda: publish(2)) as published:
        pass
    assert published.result() == 3
    with behind(other, url, lambda: publish(3)) as published:
        pass
    with pytest.raises(VersionConflict, match="k is at version 4, not 3"):
        published.result()


def test_nobody_publishes_what_a_block_expects(
    store: ArtifactStore, other: ArtifactStore, url: str
) -> None:
    """The key is locked although it has no version yet."""
    create = lambda: store.create_artifact(key="new", data="late")  # noqa: E731
    with ThreadPoolExecutor(1) as threads:
        with other.atomic(expect={"new": None}):
            created = threads.submit(create)
            wait_for(lambda: waits_for_a_lock(url))
            assert other.create_artifact(key="new", data="first").version == 1
        assert created.result(60).version == 2


# Answers that are lost


@pytest.mark.parametrize("given", [None, A])
def test_a_bulk_whose_answer_is_lost_knows_what_it_has_made(
    url: str, other: ArtifactStore, given: UUID | None
) -> None:
    """One of them is updated and another deleted before the store tries again."""

    def change() -> None:
        first, second, _ = sorted(other.read_artifacts(), key=lambda each: each.version or 0)
        other.update_artifact(first.id, data="changed")
        other.delete_artifact(second.id)

    many = [
        {"key": "k", "data": n, "id": None if given is None else UUID(int=n + 1)} for n in range(3)
    ]
    many = [{name: value for name, value in each.items() if value is not None} for each in many]
    with Proxy(url) as proxy, ArtifactStore(proxy.url) as store:
        store.read_artifact(A)
        proxy.lose_answer(b"COMMIT", change)
        made = store.create_artifacts(many)
        assert proxy.lost == 1
    assert [each.version for each in made] == [1, 2, 3]
    assert [each.version for each in other.read_artifacts(artifact_filter=OF_K)] == [3, 1]


@pytest.mark.parametrize("level", ["", "&isolation_level=SERIALIZABLE"])
@pytest.mark.parametrize("given", [None, A])
def test_a_create_whose_answer_is_lost_knows_what_it_has_made(
    url: str, other: ArtifactStore, given: UUID | None, level: str
) -> None:
    with Proxy(url) as proxy, ArtifactStore(f"{proxy.url}{level}") as store:
        store.read_artifact(A)
        proxy.lose_answer(
            b"COMMIT" if level else b"INSERT", lambda: other.update_artifact(id_of_k(other), data=2)
        )
        made = store.create_artifact(key="k", data=1, **({} if given is None else {"id": given}))
        assert proxy.lost == 1
    assert made.version == 1
    assert other.count_artifacts() == 1


def id_of_k(store: ArtifactStore) -> UUID:
    latest = store.read_latest_artifact("k")
    assert latest is not None
    return latest.id


def test_what_another_has_made_under_the_id_still_conflicts(url: str, other: ArtifactStore) -> None:
    other.create_artifact(id=A, key="k", data="theirs")
    with Proxy(url) as proxy, ArtifactStore(proxy.url) as store:
        store.read_artifact(A)
        for create in (
            lambda: store.create_artifact(id=A, key="k", data="ours"),
            lambda: store.create_artifacts([{"id": A, "key": "k", "data": "ours"}]),
        ):
            with pytest.raises(ArtifactConflict):
                create()


@pytest.mark.parametrize("by", ["id", "filter"])
@pytest.mark.parametrize("committed", [True, False])
def test_a_delete_whose_connection_is_lost_counts_what_it_has_deleted(
    url: str, other: ArtifactStore, by: str, committed: bool
) -> None:
    """It has, when it was committed; else another one may have deleted it meanwhile."""
    other.create_artifact(id=A, key="k")
    with Proxy(url) as proxy, ArtifactStore(proxy.url) as store:
        store.read_artifact(A)
        others = []
        if committed:
            proxy.lose_answer(b"COMMIT", lambda: others.append(other.delete_artifact(A)))
        else:
            proxy.lose_message(b"COMMIT", lambda: others.append(other.delete_artifact(A)))
        deleted = store.delete_artifact(A) if by == "id" else store.delete_artifacts(OF_K)
        assert proxy.lost == 1
    assert (deleted, others) == (committed, [not committed])
