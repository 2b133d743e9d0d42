"""The statements that a store sends to SQLite: how many, and which indexes they use."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from artifact_store import (
    Artifact,
    ArtifactCollectionFilter,
    ArtifactCollectionSort,
    ArtifactFilter,
    ArtifactSort,
    ArtifactStore,
    FlowFilter,
    FlowRunFilter,
)
from artifact_store.db.sqlite_connection import Connection

UNCOUNTED = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


class Listener:
    """Records every statement that SQLite runs for any store, with its values filled in."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def during(self, call: Callable[[], object]) -> list[str]:
        """Return the statements of a call, without those that begin and end transactions."""
        self.all.clear()
        call()
        return [each for each in self.all if not each.startswith(UNCOUNTED)]


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """Listen to every connection that stores open, inside SQLite itself."""
    heard, open_ = Listener(), Connection.__init__

    def listening(self: Connection, *args: object, **options: object) -> None:
        open_(self, *args, **options)
        self.set_trace_callback(heard.all.append)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "__init__", listening)
        yield heard


# Counts


@pytest.fixture(params=[1, 500])
def sized(request: pytest.FixtureRequest, listener: Listener, url: str) -> Iterator[ArtifactStore]:
    """Return a store with few or many artifacts of one key, and as many without a key."""
    with ArtifactStore(url) as store:
        run = store.create_flow_run(store.create_flow("f").id)
        many = [
            {"key": key, "data": n, "flow_run_id": run.id}
            for n in range(request.param)
            for key in ("k", None)
        ]
        store.create_artifacts(many)
        yield store
        assert store.verify() == []


MISSING = UUID(int=0)
COUNTS: dict[str, tuple[int, Callable[[ArtifactStore, Artifact], object]]] = {
    "create": (2, lambda store, latest: store.create_artifact(key="k", data=1)),
    "create a new key": (
        2,
        lambda store, latest: store.create_artifact(key="new", data=[0] * 5000),
    ),
    "create with an id": (2, lambda store, latest: store.create_artifact(key="k", id="0" * 32)),
    "create after a version": (
        2,
        lambda store, latest: store.create_artifact(key="k", expect_version=latest.version),
    ),
    "create the first version": (
        2,
        lambda store, latest: store.create_artifact(key="new", expect_version=None),
    ),
    "create what is changed": (  # read the key, compare, and create
        4,
        lambda store, latest: store.create_artifact(key="k", data="new", skip_unchanged=True),
    ),
    "create what is unchanged": (  # read the key, compare, and note the time of both rows
        4,
        lambda store, latest: store.create_artifact(key="k", data=latest.data, skip_unchanged=True),
    ),
    "create without key": (1, lambda store, latest: store.create_artifact(data=1)),
    "read": (1, lambda store, latest: store.read_artifact(latest.id)),
    "read latest": (1, lambda store, latest: store.read_latest_artifact("k")),
    "read no latest": (1, lambda store, latest: store.read_latest_artifact("none")),
    "list": (1, lambda store, latest: store.read_artifacts()),
    "list a page": (
        1,
        lambda store, latest: store.read_artifacts(1, 100, sort=ArtifactSort.KEY_ASC),
    ),
    "list by flow": (
        1,
        lambda store, latest: store.read_artifacts(flow_filter=FlowFilter(name={"any_": ["f"]})),
    ),
    "list latest": (1, lambda store, latest: store.read_latest_artifacts()),
    "list latest by flow run": (
        1,
        lambda store, latest: store.read_latest_artifacts(flow_run_filter=FlowRunFilter()),
    ),
    "count": (1, lambda store, latest: store.count_artifacts()),
    "count some": (
        1,
        lambda store, latest: store.count_artifacts(ArtifactFilter(key={"like_": "k"})),
    ),
    "count latest": (1, lambda store, latest: store.count_latest_artifacts()),
    "update": (3, lambda store, latest: store.update_artifact(latest.id, data=1, description="d")),
    "update what is missing": (3, lambda store, latest: store.update_artifact(MISSING, data=1)),
    # The text of an id may also be a key.
    "update what is missing, by text": (
        4,
        lambda store, latest: store.update_artifact("0" * 32, data=1),
    ),
    "delete": (4, lambda store, latest: store.delete_artifact(latest.id)),
    "delete what is missing": (4, lambda store, latest: store.delete_artifact("0" * 32)),
    "delete many": (
        4,
        lambda store, latest: store.delete_artifacts(ArtifactFilter(key={"any_": ["k"]})),
    ),
    "delete all": (4, lambda store, latest: store.delete_artifacts(everything=True)),
}
AT_MOST = ("update", "delete")


@pytest.mark.parametrize("name", COUNTS)
def test_statement_counts(sized: ArtifactStore, listener: Listener, name: str) -> None:
    count, call = COUNTS[name]
    latest = sized.read_latest_artifact("k")
    assert latest is not None
    said = listener.during(lambda: call(sized, latest))
    if name.startswith(AT_MOST):
        assert 1 <= len(said) <= count, said
    else:
        assert len(said) == count, said


def test_delete_of_the_last_version(listener: Listener, url: str) -> None:
    with ArtifactStore(url) as store:
        only = store.create_artifact(key="k")
        assert len(listener.during(lambda: store.delete_artifact(only.id))) <= 4
        assert store.count_latest_artifacts() == 0


def test_create_is_one_transaction(listener: Listener, url: str) -> None:
    with ArtifactStore(url) as store:
        said = listener.during(lambda: store.create_artifact(key="k", data=1))
        assert len(said) == 2
        assert [each.split()[0] for each in listener.all] == ["BEGIN", "INSERT", "INSERT", "COMMIT"]
        assert listener.all[0] == "BEGIN IMMEDIATE"


def test_opening_a_current_store_reads_one_row_and_writes_nothing(
    listener: Listener, url: str
) -> None:
    with ArtifactStore(url) as store:
        store.create_artifact(key="k")
    file = Path(url.removeprefix("sqlite:///"))
    before = file.read_bytes()
    opened: list[ArtifactStore] = []
    said = listener.during(lambda: opened.append(ArtifactStore(url)))
    with opened[0]:
        assert [each.split()[0] for each in said if not each.startswith("PRAGMA")] == ["SELECT"]
        assert len(said) == len(listener.all), "no transaction is begun"
        pragmas = {
            each.removeprefix("PRAGMA ").removesuffix(";")
            for each in said
            if each.startswith("PRAGMA")
        }
        of_connection = {
            each for each in pragmas if each.split()[0] in ("foreign_keys", "synchronous")
        }
        assert pragmas - of_connection <= {"journal_mode"}, (
            "the others concern the connection alone, and this only asks"
        )
        wal = file.with_name(file.name + "-wal")
        assert not wal.exists() or wal.stat().st_size == 0
    assert file.read_bytes() == before


# Plans

KEYS, VERSIONS = 2000, 10


@pytest.fixture(scope="module")
def filled(listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArtifactStore]:
    """Return a store of 20,000 versions of 2,000 keys, and 500 artifacts without a key."""
    path = tmp_path_factory.mktemp("filled") / "store.db"
    with ArtifactStore(path) as store:
        run = store.create_flow_run(store.create_flow("f").id)
        many = [
            {"key": f"key-{n % KEYS}", "type": f"type-{n % 7}", "data": n}
            for n in range(KEYS * VERSIONS)
        ]
        store.create_artifacts(many + [{"data": n, "flow_run_id": run.id} for n in range(500)])
        yield store


def plans(store: ArtifactStore, said: list[str]) -> list[str]:
    """Return the steps of the plans of some statements, with the table of each."""
    path = store.info().url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        return [row[3] for each in said for row in connection.execute(f"EXPLAIN QUERY PLAN {each}")]


def check(store: ArtifactStore, said: list[str]) -> None:
    """Check that every table is read by an index, and that nothing is sorted."""
    steps = plans(store, said)
    assert steps
    for step in steps:
        assert "TEMP B-TREE" not in step, steps
        assert "AUTOMATIC" not in step, steps
        # A subquery for a few keys is small, so it may be scanned.
        assert not step.startswith("SCAN") or "INDEX" in step or step == "SCAN greatest", steps


@pytest.mark.parametrize("sort", ArtifactSort)
@pytest.mark.parametrize(("offset", "limit"), [(None, 100), (50, 50)])
def test_listing_all_uses_an_index(
    filled: ArtifactStore, listener: Listener, sort: ArtifactSort, offset: int | None, limit: int
) -> None:
    said = listener.during(lambda: filled.read_artifacts(offset, limit, sort=sort))
    assert len(said) == 1
    check(filled, said)


@pytest.mark.parametrize("sort", ArtifactCollectionSort)
@pytest.mark.parametrize(("offset", "limit"), [(None, 100), (50, 50)])
def test_listing_latest_uses_an_index(
    filled: ArtifactStore,
    listener: Listener,
    sort: ArtifactCollectionSort,
    offset: int | None,
    limit: int,
) -> None:
    said = listener.during(lambda: filled.read_latest_artifacts(offset, limit, sort=sort))
    assert len(said) == 1
    check(filled, said)


HOT: dict[str, Callable[[ArtifactStore, Artifact], object]] = {
    "read latest": lambda store, latest: store.read_latest_artifact("key-7"),
    "read by id": lambda store, latest: store.read_artifact(latest.id),
    "read by key and version": lambda store, latest: store.read_artifact_ref("key-7@3"),
    "create many with ids": lambda store, latest: store.create_artifacts(
        [
            {"id": latest.id, "key": latest.key, "type": latest.type, "data": latest.data},
            {"key": "key-7"},
        ]
    ),
    "update of the latest": lambda store, latest: store.update_artifact(latest.id, data=1),
    "delete of the latest": lambda store, latest: store.delete_artifact(latest.id),
    "delete of an old version": lambda store, latest: store.delete_artifact(
        store.read_artifact_ref("key-7@2").id
    ),
    "delete a key": lambda store, latest: store.delete_artifacts(
        ArtifactFilter(key={"any_": ["key-7"]})
    ),
    "versions of a key": lambda store, latest: store.read_artifacts(
        limit=100,
        artifact_filter=ArtifactFilter(key={"any_": ["key-7"]}),
        sort=ArtifactSort.KEY_DESC,
    ),
    "keys of a prefix": lambda store, latest: store.read_latest_artifacts(
        limit=100,
        artifact_filter=ArtifactCollectionFilter(key={"startswith_": "key-7"}),
        sort=ArtifactCollectionSort.KEY_ASC,
    ),
    "artifacts of a type": lambda store, latest: store.read_artifacts(
        limit=100, artifact_filter=ArtifactFilter(type={"any_": ["type-3"]})
    ),
}


@pytest.mark.parametrize("name", HOT)
def test_hot_paths_use_an_index(filled: ArtifactStore, listener: Listener, name: str) -> None:
    class Undo(Exception):
        """Roll the call back, so that the store stays as it was."""

    def call() -> None:
        with filled.atomic():
            HOT[name](filled, latest)
            raise Undo

    latest = filled.read_latest_artifact("key-7")
    assert latest is not None
    assert latest.version == VERSIONS

    def undone() -> None:
        with pytest.raises(Undo):
            call()

    check(filled, listener.during(undone))


def test_latest_of_a_run_is_searched(filled: ArtifactStore, listener: Listener) -> None:
    """In Prefect, no index serves this."""
    run = filled.read_flow_runs()[0].id
    for fields in ({"flow_run_id": {"any_": [run]}}, {"task_run_id": {"any_": [run]}}):
        found = ArtifactCollectionFilter.model_validate(fields)
        steps = plans(
            filled,
            listener.during(
                lambda found=found: filled.read_latest_artifacts(artifact_filter=found)
            ),
        )
        assert not [step for step in steps if step.startswith("SCAN")], steps


def test_the_check_of_plans_can_fail(filled: ArtifactStore) -> None:
    for statement in (
        "SELECT * FROM artifact WHERE description = 'x'",
        "SELECT * FROM artifact_collection WHERE latest_version = 1",
        "SELECT id FROM artifact WHERE key = 'key-7' ORDER BY description",
    ):
        with pytest.raises(AssertionError):
            check(filled, [statement])
