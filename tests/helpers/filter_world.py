"""A store filled with rows that tell one rule of filters from another, and comparisons with the model."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from artifact_store import ArtifactCollectionSort, ArtifactSort, ArtifactStore, RunSort
from tests.helpers.filter_model import World, matching, ordered
from tests.helpers.filters import HOME, RELATED


def table_of(method: str) -> str:
    """The attribute of a world that has the rows which a method lists."""
    return method.removeprefix("read_").removeprefix("latest_")


def kinds(method: str) -> dict[str, Any]:
    """The filters that a listing takes, by the name of their parameter."""
    own = {
        kind: name for kind, (home, name) in HOME.items() if home == method and "artifact" in method
    }
    return {name: kind for kind, name in own.items()} | RELATED


def sorts(method: str) -> list[Any]:
    """The orders of a listing."""
    return list(
        {"read_artifacts": ArtifactSort, "read_latest_artifacts": ArtifactCollectionSort}.get(
            method, RunSort
        )
    )


# The rows: few enough to be quick

KEYS = "sales sales-2026 Sales-2026 SALES-2026 sales_2026 sales.x sales/eu a a1 B b z9 salet kelvin".split()
TEXTS = [
    "etl",
    "ETL",
    "Etl%",
    "e_l",
    "e\\l",
    "et",
    "xetlx",
    "İstanbul",
    "istanbul",
    "straße",
    "STRASSE",
    "\u212aelvin",
    "kelvin",
    "KELVIN",
    "Ärger",
    "ärger",
    "e\u0301",
    "é",
    "🙂 astral",
    "_🙂_",
    "a\nb",
    " etl ",
    "",
    "'; DROP TABLE artifact; --",
    '"q"',
    "[]",
    "null",
    "true",
    "1",
    "1.0",
    "\U0010ffff",
    "\ue000",
    "\ud7ff",
    "ключ",
]
STATES = [
    ("COMPLETED", "Completed"),
    ("FAILED", "Failed"),
    ("COMPLETED", "Cached"),
    ("RUNNING", None),
    (None, None),
]
ALIASES = ["prod", "Prod", "prod-1", "canary"]
TAGS = [
    (),
    ("prod",),
    ("prod", "etl"),
    ("production",),
    ("Prod", "ключ"),
    ("a,b", '"', "\\"),
    ("", "🙂"),
    ("pro", "1"),
]
NAMES = ["n", "", "a.b", 'a"b', "a\\b", "$", "ключ", "🙂", "N", "[0]", "a'b", "\u2028"]
SCALARS: list[Any] = [
    0,
    1,
    -1,
    True,
    False,
    None,
    "1",
    "",
    "true",
    "null",
    "10",
    "9",
    "é",
    "\ue000",
    "🙂",
    1.0,
    0.1,
    0.1 + 0.2,
    0.3,
    -0.0,
    1e300,
    5e-324,
    1.5,
    2**53,
    2**53 + 1,
    float(2**53),
    2**63 - 1,
    -(2**63),
]
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
MOMENTS = [
    START,
    START + TICK,
    START + timedelta(seconds=1),
    START + timedelta(days=400),
    START - timedelta(days=30000),
]


def identity(rng: random.Random) -> UUID:
    """An id as the store makes them, or as others do."""
    return (
        UUID(int=rng.getrandbits(128), version=4)
        if rng.random() < 0.5
        else UUID(int=rng.getrandbits(128))
    )


def populate(store: ArtifactStore) -> World:
    """Fill a store with rows of every table and return them as they are read one by one."""
    rng = random.Random(20260301)
    ids: dict[str, list[UUID]] = {}

    def some(values: Any, nulls: float = 0.3) -> Any:
        return None if rng.random() < nulls else rng.choice(values)

    def make(table: str, count: int, create: Any) -> None:
        ids[table] = [create(number, identity(rng)).id for number in range(count)]

    with store.atomic():
        tasks = [identity(rng) for _ in range(10)]
        make("work_pool", 4, lambda n, id: store.create_work_pool(
            TEXTS[n], type=["process", "Process", "process", "ключ"][n], id=id))  # fmt: skip
        make("work_queue", 6, lambda n, id: store.create_work_queue(
            ["default", "default", "high%", "İstanbul", "\u212a", ""][n], ids["work_pool"][n % 3], id=id))  # fmt: skip
        make("flow", 7, lambda n, id: store.create_flow(TEXTS[n * 2 + 1], tags=TAGS[n], id=id))
        make("deployment", 9, lambda n, id: store.create_deployment(
            rng.choice(TEXTS), ids["flow"][n // 2], paused=n % 3 == 0, tags=rng.choice(TAGS),
            work_queue_id=some(ids["work_queue"][:5]), id=id))  # fmt: skip
        make("flow_run", 20, lambda n, id: store.create_flow_run(
            rng.choice(ids["flow"][:6]), id=id, name=rng.choice(TEXTS), deployment_id=some(ids["deployment"][:8]),
            work_queue_id=some(ids["work_queue"]), parent_task_run_id=some([*tasks[:6], identity(rng)]),
            flow_version=some(TEXTS), idempotency_key=some([f"{TEXTS[n]}{n}"]),
            created_by=some([
                {"id": str(tasks[0]), "type": "SCHEDULE"}, {"id": str(tasks[1]), "type": "ключ"},
                {"type": "SCHEDULE", "id": None}, {"type": 5}, {"type": True}, {},
            ]), next_scheduled_start_time=some(MOMENTS), **run_fields(rng, some)))  # fmt: skip
        make("task_run", 10, lambda n, _: store.create_task_run(
            some(ids["flow_run"][:12]), id=tasks[n], name=rng.choice(TEXTS), **run_fields(rng, some)))  # fmt: skip
        created = [
            store.create_artifact(
                id=identity(rng), key=some(KEYS, 0.2), type=some(["table", "Table", "markdown", *TEXTS]),
                metadata=some([{}] + [
                    {rng.choice(NAMES): rng.choice(SCALARS), "n": rng.choice(SCALARS)} for _ in range(9)
                ], 0.15),
                flow_run_id=some([*ids["flow_run"], identity(rng)]), task_run_id=some([*tasks, identity(rng)]),
            )
            for _ in range(70)
        ]  # fmt: skip
    # Artifacts that share a time, late updates of old versions, and deletions of latest ones.
    created += store.create_artifacts(
        [{"id": identity(rng), "key": rng.choice(KEYS)} for _ in range(6)]
    )
    for artifact in rng.sample(created, 12):
        store.update_artifact(artifact.id, description="updated")
    for key in KEYS[:3]:
        store.delete_artifact(store.read_latest_artifact(key).id)
    created = [kept for artifact in created if (kept := store.read_artifact(artifact.id))]
    aliases: dict[str, set[str]] = {}
    versions = [each for each in created if each.key is not None]
    for artifact in [*rng.sample(versions, 12), *store.read_latest_artifacts(limit=4)]:
        for name in rng.sample(ALIASES, rng.choice((1, 1, 2))):
            store.set_alias(artifact, name)
    for alias in store.read_aliases():
        aliases.setdefault(f"{alias.key}@{alias.version}", set()).add(alias.name)
    return World(created, *[
        [getattr(store, f"read_{table}")(each) for each in ids[table]]
        for table in ("flow", "deployment", "flow_run", "task_run", "work_pool", "work_queue")
    ], aliases=aliases)  # fmt: skip


def run_fields(rng: random.Random, some: Any) -> dict[str, Any]:
    """The fields that flow runs and task runs share; some of them are created at the same time."""
    state_type, state_name = rng.choice(STATES)
    fields = {"state_type": state_type, "state_name": state_name, "tags": rng.choice(TAGS)}
    times = {name: some(MOMENTS) for name in ("expected_start_time", "start_time", "end_time")}
    return fields | times | {"created": rng.choice(MOMENTS), "updated": rng.choice(MOMENTS)}


def has_order(value: Any) -> bool:
    """Whether metadata of this value can be compared by order."""
    return value is not None and not isinstance(value, bool)


# What a store answers, and what the model does


def answer(store: ArtifactStore, method: str, **arguments: Any) -> list[Any]:
    return [row.id for row in getattr(store, method)(**arguments)]


def expected(world: World, method: str, sort: str = "ID_DESC", **filters: Any) -> list[Any]:
    return [row.id for row in ordered(method, sort, matching(world, method, filters))]


def agree(store: ArtifactStore, world: World, method: str, **filters: Any) -> list[Any]:
    """Hold the store against the model and return what both say."""
    expected_ids = expected(world, method, **filters)
    assert answer(store, method, **filters) == expected_ids
    if "artifacts" in method:
        assert getattr(store, method.replace("read", "count"))(**filters) == len(expected_ids)
    return expected_ids
