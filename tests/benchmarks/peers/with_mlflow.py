"""The store of MLflow's model registry, on SQLite: a key is a registered model, an artifact one of its versions."""

import json
import sys
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from ..measure import seconds_per_call
from . import serving

STORE = SqlAlchemyStore(f"sqlite:///{Path(sys.argv[1]) / 'mlflow.db'}")


def create(number: int) -> Any:
    """Create a version; the data and the metadata are tags."""
    given = serving.fields(number)
    tags = [ModelVersionTag(name, str(value)) for name, value in given["metadata"].items()]
    tags.append(ModelVersionTag("data", json.dumps(given["data"])))
    return STORE.create_model_version(
        given["key"], "file:///none", tags=tags, description=given["description"]
    )


def latest(key: str) -> Any:
    """Return the latest version of a model."""
    return STORE.get_latest_versions(key)[0]


def by_key(key: str) -> Any:
    """Return the versions of a model."""
    return STORE.search_model_versions(f"name = '{key}'", max_results=100)


def places(turn: int) -> list[tuple[str, str]]:
    """Return a model and a version for each call, all of which are there from the beginning."""
    return [
        (serving.key(number), str(number // serving.KEYS + 1)) for number in serving.numbers(turn)
    ]


for at in range(serving.KEYS):
    STORE.create_registered_model(serving.key(at))
for at in range(serving.KEYS * serving.VERSIONS):
    create(at)
serving.serve(
    mlflow.__version__,
    {
        "create": lambda turn: seconds_per_call(
            create, range(turn * serving.CALLS, (turn + 1) * serving.CALLS)
        ),
        "read by id": lambda turn: seconds_per_call(
            lambda each: STORE.get_model_version(*each), places(turn)
        ),
        "read latest": lambda turn: seconds_per_call(latest, serving.keys(turn)),
        "list 100, all": lambda turn: seconds_per_call(
            lambda _: STORE.search_model_versions(max_results=100), [None] * 5
        ),
        "filtered list": lambda turn: seconds_per_call(by_key, serving.keys(turn)),
        "update": lambda turn: seconds_per_call(
            lambda each: STORE.update_model_version(*each, "new"), places(turn)
        ),
        "delete latest": lambda turn: seconds_per_call(
            lambda each: STORE.delete_model_version(each.name, each.version),
            list(map(latest, serving.keys(turn))),
        ),
    },
)
