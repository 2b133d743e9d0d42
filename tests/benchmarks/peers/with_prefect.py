"""Prefect's models layer, called as its server calls it, on SQLite; it commits with synchronous=NORMAL."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import prefect
from prefect.server import models
from prefect.server.database import provide_database_interface
from prefect.server.schemas import actions, core, filters

from ..measure import seconds_per_call
from . import serving

LOOP = asyncio.new_event_loop()
DB = provide_database_interface()
IDS: list[Any] = []


def session(writes: bool) -> Any:
    """Return a session as a request to the server has it."""
    return DB.session_context(begin_transaction=writes)


async def create(number: int) -> Any:
    """Create an artifact."""
    given = serving.fields(number)
    given["metadata_"] = {name: str(value) for name, value in given.pop("metadata").items()}
    artifact = core.Artifact(**actions.ArtifactCreate(**given).model_dump())
    async with session(True) as opened:
        return (await models.artifacts.create_artifact(opened, artifact)).id


async def read(number: int) -> Any:
    """Read an artifact by id."""
    async with session(False) as opened:
        found = await models.artifacts.read_artifact(opened, IDS[number])
        return core.Artifact.model_validate(found, from_attributes=True)


async def read_latest(key: str) -> Any:
    """Read the latest artifact of a key."""
    async with session(False) as opened:
        found = await models.artifacts.read_latest_artifact(opened, key)
        return core.ArtifactCollection.model_validate(found, from_attributes=True)


async def listed(given: dict[str, Any]) -> Any:
    """Return a page of all artifacts."""
    async with session(False) as opened:
        found = await models.artifacts.read_artifacts(opened, offset=0, limit=100, **given)
        return [core.Artifact.model_validate(each, from_attributes=True) for each in found]


async def listed_latest(_: object) -> Any:
    """Return a page of the latest artifacts."""
    async with session(False) as opened:
        found = await models.artifacts.read_latest_artifacts(opened, offset=0, limit=100)
        return [
            core.ArtifactCollection.model_validate(each, from_attributes=True) for each in found
        ]


async def count(_: object) -> Any:
    """Count all artifacts."""
    async with session(False) as opened:
        return await models.artifacts.count_artifacts(opened)


async def update(number: int) -> Any:
    """Change an artifact."""
    given = serving.fields(number)
    change = actions.ArtifactUpdate(description=given["description"], data=given["data"])
    async with session(True) as opened:
        return await models.artifacts.update_artifact(opened, IDS[number], change)


async def delete(artifact_id: Any) -> Any:
    """Delete an artifact."""
    async with session(True) as opened:
        assert await models.artifacts.delete_artifact(opened, artifact_id)


def in_loop(function: Callable[[Any], Awaitable[Any]], arguments: Iterable[Any]) -> float:
    """Call a function with each argument in one event loop; return the seconds of a call."""
    return seconds_per_call(lambda each: LOOP.run_until_complete(function(each)), list(arguments))


async def latest_ids(keys: list[str]) -> list[Any]:
    """Return the ids of the latest artifacts of some keys."""
    return [(await read_latest(key)).latest_id for key in keys]


def by_key(turn: int) -> Iterable[dict[str, Any]]:
    """Return filters on one key each."""
    for key in serving.keys(turn):
        yield {"artifact_filter": filters.ArtifactFilter(key=filters.ArtifactFilterKey(any_=[key]))}


LOOP.run_until_complete(DB.create_db())
for at in range(serving.KEYS * serving.VERSIONS):
    IDS.append(LOOP.run_until_complete(create(at)))
serving.serve(
    prefect.__version__,
    {
        "create": lambda turn: in_loop(
            create, range(turn * serving.CALLS, (turn + 1) * serving.CALLS)
        ),
        "read by id": lambda turn: in_loop(read, serving.numbers(turn)),
        "read latest": lambda turn: in_loop(read_latest, serving.keys(turn)),
        "list 100, all": lambda turn: in_loop(listed, [{}] * 5),
        "list 100, latest": lambda turn: in_loop(listed_latest, [None] * 5),
        "filtered list": lambda turn: in_loop(listed, by_key(turn)),
        "count": lambda turn: in_loop(count, [None] * 5),
        "update": lambda turn: in_loop(update, serving.numbers(turn)),
        "delete latest": lambda turn: in_loop(
            delete, LOOP.run_until_complete(latest_ids(serving.keys(turn)))
        ),
    },
)
