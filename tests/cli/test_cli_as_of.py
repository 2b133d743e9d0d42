"""--as-of: what was the latest of each key at another time."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from artifact_store.artifacts import create
from tests.helpers.commandline import loaded, run

NOW = datetime.now(UTC)


@pytest.fixture
def published(store):
    """A key with versions that are 30, 3 and 0 days old, and another of today."""
    for days in (30, 3, 0):
        with patch.object(create, "now", lambda days=days: NOW - timedelta(days=days)):
            store.create_artifact(key="sales", type="result", data={"days": days})
    return [store.create_artifact(key="new", type="link", data="x"), store.get("sales@1")]


@pytest.mark.parametrize(
    ("when", "refs"),
    [
        ("90m", ["sales@2"]),
        ("5400s", ["sales@2"]),
        ("7d", ["sales@1"]),
        (f"{NOW - timedelta(days=2):%Y-%m-%dT%H:%M+00:00}", ["sales@2"]),
        (f"{NOW - timedelta(days=10):%Y-%m-%d}", ["sales@1"]),
        ("8w", []),
        ("2199-01-01", ["new@1", "sales@3"]),
    ],
)
def test_ls_and_count(url, published, when, refs):
    found = loaded(url, "ls", "--as-of", when, "--sort", "KEY_ASC")
    assert [f"{each['key']}@{each['version']}" for each in found] == refs
    every = loaded(url, "ls", "--as-of", when, "--sort", "KEY_ASC", "--limit", "0")
    assert every == found
    assert loaded(url, "count", "--as-of", when) == {"count": len(refs)}


def test_filters_apply_to_what_was_the_latest(url, published):
    assert loaded(url, "count", "--as-of", "7d", "--type", "link") == {"count": 0}
    assert loaded(url, "count", "--as-of", "7d", "--type", "result") == {"count": 1}


def test_show(url, published):
    assert loaded(url, "show", "sales", "--as-of", "7d")["data"] == {"days": 30}
    assert run(url, "show", "sales@latest", "--as-of", "24h", "--raw") == '{\n  "days": 3\n}\n'


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["show", "sales@1", "--as-of", "7d"], 2, "'sales@1' names one version, and --as-of"),
        (["show", "sales@prod", "--as-of", "7d"], 2, "give only the key, 'sales'"),
        (["show", "sales", "--as-of", "8w"], 1, "sales@1, was created at "),
        (["show", "gone", "--as-of", "7d"], 1, "There is no artifact 'gone'"),
        (["show", "sales", "--as-of", "yesterday"], 2, "Invalid time 'yesterday'"),
        (["ls", "--as-of", "7d", "--all"], 2, "leave out --all"),
        (["ls", "--as-of", "7d", "--trend"], 2, "leave out --as-of or --trend"),
        (["count", "--as-of", "7d", "--all"], 2, "leave out --all"),
    ],
)
def test_errors(url, published, args, code, message):
    assert message in run(url, *args, code=code)


def test_an_id_names_one_artifact(url, published):
    for each in published:
        message = run(url, "show", str(each.id), "--as-of", "7d", code=2)
        assert "is an id, and --as-of needs a key" in message
