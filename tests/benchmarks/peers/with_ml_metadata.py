"""ml-metadata's store, on SQLite: the key is the URI of an artifact; it knows no versions and deletes nothing."""

import json
import sys
from pathlib import Path
from typing import Any

import ml_metadata
from ml_metadata.metadata_store import ListOptions, MetadataStore, OrderByField
from ml_metadata.proto import metadata_store_pb2 as proto

from ..measure import seconds_per_call
from . import serving

CONFIG = proto.ConnectionConfig()
CONFIG.sqlite.filename_uri = str(Path(sys.argv[1]) / "ml-metadata.db")
STORE = MetadataStore(CONFIG)
TYPE = proto.ArtifactType(name="table")
for name in ("description", "data", "team", "rows", "checked"):
    TYPE.properties[name] = proto.STRING
TYPE_ID = STORE.put_artifact_type(TYPE)
IDS: list[int] = []
NEWEST = ListOptions(limit=100, order_by=OrderByField.ID, is_asc=False)


def artifact(number: int) -> Any:
    """Return an artifact to be put; the data and the metadata are properties."""
    given = serving.fields(number)
    made = proto.Artifact(type_id=TYPE_ID, uri=given["key"])
    texts = {
        "description": given["description"],
        "data": json.dumps(given["data"]),
        **given["metadata"],
    }
    for name, value in texts.items():
        made.properties[name].string_value = str(value)
    return made


def create(number: int) -> int:
    """Create an artifact."""
    return STORE.put_artifacts([artifact(number)])[0]


def update(number: int) -> None:
    """Put an artifact again."""
    made = artifact(number)
    made.id = IDS[number]
    STORE.put_artifacts([made])


def latest(key: str) -> Any:
    """Return the newest artifact of a URI."""
    options = ListOptions(
        limit=1, order_by=OrderByField.ID, is_asc=False, filter_query=f"uri = '{key}'"
    )
    return STORE.get_artifacts(options)[0]


for at in range(serving.KEYS * serving.VERSIONS):
    IDS.append(create(at))
serving.serve(
    ml_metadata.__version__,
    {
        "create": lambda turn: seconds_per_call(
            create, range(turn * serving.CALLS, (turn + 1) * serving.CALLS)
        ),
        "bulk 1,000": lambda turn: seconds_per_call(
            lambda many: STORE.put_artifacts(list(map(artifact, many))), [range(1000)]
        ),
        "read by id": lambda turn: seconds_per_call(
            lambda number: STORE.get_artifacts_by_id([IDS[number]])[0], serving.numbers(turn)
        ),
        "read latest": lambda turn: seconds_per_call(latest, serving.keys(turn)),
        "list 100, all": lambda turn: seconds_per_call(
            lambda _: STORE.get_artifacts(NEWEST), [None] * 5
        ),
        "filtered list": lambda turn: seconds_per_call(
            STORE.get_artifacts_by_uri, serving.keys(turn)
        ),
        "update": lambda turn: seconds_per_call(update, serving.numbers(turn)),
    },
)
