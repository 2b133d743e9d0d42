"""trackio's artifacts, on SQLite: a version names files by their digests, and the data stays in a file beside it.

The data is hashed and its file is not written, which makes trackio look quicker than it is. It does
not delete a version, and lists all of a project at once.
"""

import hashlib
import json
from typing import Any

import trackio
from trackio.sqlite_storage import SQLiteStorage

from ..measure import seconds_per_call
from . import serving

PROJECT = "benchmark"


def create(number: int) -> Any:
    """Commit a version of an artifact."""
    given = serving.fields(number)
    data = json.dumps(given["data"]).encode()
    manifest = [
        {
            "path": "data.json",
            "digest": hashlib.sha256(data + str(number).encode()).hexdigest(),
            "size": len(data),
        }
    ]
    return SQLiteStorage.commit_artifact_version(
        PROJECT,
        given["key"],
        given["type"],
        given["description"],
        manifest,
        given["metadata"],
        None,
        "run",
        "run",
    )


def read(place: tuple[str, str]) -> Any:
    """Read a version with its manifest."""
    found = SQLiteStorage.get_artifact_manifest(PROJECT, *place)
    assert found is not None
    return found


def places(turn: int) -> list[tuple[str, str]]:
    """Return a name and a version for each call, all of which are there from the beginning."""
    return [(serving.key(number), f"v{number // serving.KEYS}") for number in serving.numbers(turn)]


for at in range(serving.KEYS * serving.VERSIONS):
    create(at)
serving.serve(
    trackio.__version__,
    {
        "create": lambda turn: seconds_per_call(
            create, range((turn + 50) * serving.CALLS, (turn + 51) * serving.CALLS)
        ),
        "read by id": lambda turn: seconds_per_call(read, places(turn)),
        "read latest": lambda turn: seconds_per_call(
            read, [(key, "latest") for key in serving.keys(turn)]
        ),
        "list 100, latest": lambda turn: seconds_per_call(
            SQLiteStorage.get_artifacts, [PROJECT] * 5
        ),
    },
)
