"""Text in filters and in rows is never SQL."""

import itertools
from typing import Any

import pytest
from pydantic import ValidationError

from artifact_store import (
    ArtifactFilter,
    ArtifactStore,
    FlowFilter,
    FlowRunFilter,
)
from tests.helpers.filter_model import TABLE
from tests.helpers.filters import each_kind, of_kind, operators

PAYLOADS = [
    "'; DROP TABLE artifact; --",
    '" OR 1=1 --',
    "1) OR (1=1",
    "' OR ''='",
    "\\'",
    "$1",
    ":x",
    "{}",
    "{0}",
    "\\",
    "'",
    '"',
    "--",
    "/*",
]


@each_kind
def test_sql_in_text_is_text(full: ArtifactStore, kind: Any) -> None:
    everything = of_kind(full, kind())
    lists, patterns = ("any_", "not_any_", "all_", "type_", "has_key_"), ("like_", "startswith_")
    for (label, make), payload in itertools.product(
        [*operators(kind, *lists, *patterns)], PAYLOADS
    ):
        wanted = everything if label.endswith("not_any_") else []
        of_state = label.startswith("type.") and "state" in TABLE[kind]
        if of_state or "id" in label.split(".")[0].split("_") or label == "version.any_":
            with pytest.raises(ValidationError):
                make([payload])
        elif label.endswith(patterns):
            assert of_kind(full, make(payload)) == wanted, label
        else:
            assert (
                of_kind(full, make([payload])) == of_kind(full, make([payload, "x"])) == wanted
            ), label


def test_sql_in_stored_text_is_found(store: ArtifactStore) -> None:
    stored = [*PAYLOADS, "%s", "?", "%(x)s", "%"]
    for number, text in enumerate(stored):
        flow = store.create_flow(text, tags=[text])
        store.create_flow_run(
            flow.id, name=text, tags=[text], flow_version=text, created_by={"type": text}
        )
        store.create_artifact(key=f"k{number}", type=text, metadata={text: text})
    for number, text in enumerate(stored):
        assert of_kind(store, FlowFilter(name={"any_": [text]}, tags={"all_": [text]})) == [text]
        assert of_kind(store, FlowFilter(tags={"any_": [text, "x"]})) == [text]
        one = FlowRunFilter(
            flow_version={"any_": [text]}, created_by={"type_": [text]}, tags={"any_": [text]}
        )
        assert of_kind(store, one) == [text]
        assert of_kind(store, ArtifactFilter(type={"any_": [text]})) == [f"k{number}"]
        found = {"eq_": {text: text}, "ge_": {text: text}, "has_key_": text}
        assert of_kind(store, ArtifactFilter(metadata=found)) == [f"k{number}"]
