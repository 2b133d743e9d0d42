"""What changed since the previous version, as the context of an artifact says it."""

from typing import Any

import pytest

from artifact_store import Artifact, ArtifactStore
from artifact_store.differences.versions import LARGEST_COMPARED
from artifact_store.tables.profile import profile_table


def since(store: ArtifactStore, before: dict[str, Any], after: dict[str, Any]) -> tuple[Any, ...]:
    """Publish two versions, and return what the context of the newer one says of the older."""
    store.create_artifact(key="k", **before)
    context = store.read_surroundings(store.create_artifact(key="k", **after))
    return context.compared, *context.changes


ROWS = [{"id": 1, "n": 5}, {"id": 2, "n": 5}, {"id": 3, "n": 6}]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"data": {"acc": 0.93}}, {"data": {"acc": 0.71}}, ("`acc` 0.93 → 0.71 (-0.22)",)),
        (
            {"data": {"model": {"layers": [{"units": 3}]}}},
            {"data": {"model": {"layers": [{"units": 4}]}}},
            ("`model.layers[0].units` 3 → 4 (+1)",),
        ),
        (
            {"type": "markdown", "data": "# Sales\n\nNorth leads.\n"},
            {"type": "markdown", "data": "# Sales\n\nSouth leads.\n"},
            ('line 3 "North leads." → "South leads."',),
        ),
        (
            {"type": "table", "data": ROWS},
            {"type": "table", "data": [ROWS[0], {"id": 2, "n": 7}, ROWS[2]]},
            ("`n` 5 → 7 (+2) in row 1",),
        ),
        (
            {"type": "table", "data": ROWS},
            {"type": "table", "data": [ROWS[0], {"id": 2, "n": 6}, {"id": 3, "n": 5}]},
            ("`n` 5 → 6 (+1) in row 1", "`n` 6 → 5 (-1) in row 2"),
        ),
        (
            {"type": "table", "data": ROWS},
            {"type": "table", "data": [ROWS[2], ROWS[1], ROWS[0]]},
            ("rows in another order",),
        ),
        ({"type": "progress", "data": 40}, {"type": "progress", "data": 60}, ("40 → 60 (+20)",)),
        (
            {"type": "link", "data": {"link": "https://a.org"}},
            {"type": "link", "data": {"link": "https://b.org"}},
            ('`link` "https://a.org" → "https://b.org"',),
        ),
        (
            {"type": "image", "data": "data:image/png;base64,AAAA"},
            {"type": "image", "data": "data:image/png;base64,AAAAAAA="},
            ("image/png of 3 bytes → image/png of 5 bytes",),
        ),
        (
            {"type": "image", "data": "data:image/png;base64,AAAA"},
            {"type": "image", "data": "data:image/png;base64,AAAB"},
            ("image/png of 3 bytes → other image/png of 3 bytes",),
        ),
        ({"data": 1, "type": "a"}, {"data": 1, "type": "b"}, ("type a → b",)),
        ({"data": 1}, {"data": 1, "type": "b"}, ("type none → b",)),
        ({"description": "one"}, {"description": "two"}, ("description changed",)),
        ({"metadata": {"loss": 1}}, {"metadata": {"loss": 2}}, ("`metadata.loss` 1 → 2 (+1)",)),
        ({"data": None}, {"data": {"a": 1}}, ('null → {"a": 1}',)),
        ({"data": {"a": 1}}, {"data": None}, ('{"a": 1} → null',)),
        ({"data": "x" * 100 + "a"}, {"data": "x" * 100 + "b"},
         ('"…xxxxxxxxxxxxxxxxxxxxa" → "…xxxxxxxxxxxxxxxxxxxxb"',)),
        ({"data": None}, {"data": None}, ()),
        ({"type": "table", "data": ROWS}, {"type": "table", "data": ROWS}, ()),
    ],
)  # fmt: skip
def test_what_is_said(store: ArtifactStore, before: Any, after: Any, said: tuple[str, ...]) -> None:
    assert since(store, before, after) == ("data", *said)


def test_without_an_older_version_nothing_is_said(store: ArtifactStore) -> None:
    for artifact in (store.create_artifact(data=1), store.create_artifact(key="a", data=1)):
        context = store.read_surroundings(artifact)
        assert (context.compared, context.changes) == (None, ())


def test_an_artifact_that_was_read_without_its_data(store: ArtifactStore) -> None:
    store.create_artifact(key="k", data={"acc": 0.93})
    store.create_artifact(key="k", data={"acc": 0.71})
    newer = store.read_artifacts(include_data=False)[0]
    assert store.read_surroundings(newer).changes == ("`acc` 0.93 → 0.71 (-0.22)",)


def test_an_artifact_that_was_deleted_is_compared_as_it_was(store: ArtifactStore) -> None:
    store.create_artifact(key="k", data=1)
    newer = store.create_artifact(key="k", data=2)
    assert store.delete_artifact(newer.id)
    assert store.read_surroundings(newer).changes == ("1 → 2 (+1)",)


LARGE = "x" * (LARGEST_COMPARED + 10)


def table(store: ArtifactStore, rows: list[dict[str, object]], **fields: Any) -> Artifact:
    return store.create_artifact(
        key="k", type="table", data=rows, profile=profile_table(rows), **fields
    )


def test_large_tables_are_compared_by_their_profiles(store: ArtifactStore) -> None:
    versions = [
        table(store, [{"a": 1}]),
        table(store, [{"a": LARGE}], description="large"),
        table(store, [{"a": LARGE + "y"}]),
        table(store, [{"a": LARGE}, {"a": None}]),
    ]
    told = [store.read_surroundings(version) for version in versions]
    assert [context.compared for context in told] == [None, "profile", "profile", "profile"]
    assert told[1].changes == ("column `a` became text", "description changed")
    assert told[2].changes == ("description changed",)
    assert told[3].changes == ("rows +1", "column `a` nulls 0 → 1")


def test_large_data_without_a_profile_is_not_compared(store: ArtifactStore) -> None:
    assert since(store, {"data": LARGE}, {"data": 1, "metadata": {"n": 1}}) == (
        "metadata",
        '`metadata` null → {"n": 1}',
    )
    assert since(store, {"data": LARGE}, {"data": LARGE}) == ("metadata",)
    assert since(store, {"data": "no table", "type": "table"}, {"data": [], "type": "table"}) == (
        "data",
        '"no table" → []',
    )


def test_data_of_the_largest_size_is_compared(store: ArtifactStore) -> None:
    text = "x" * (LARGEST_COMPARED - 2)  # without the quotes of its JSON
    assert since(store, {"data": text}, {"data": text}) == ("data",)
    assert since(store, {"data": text + "x"}, {"data": text}) == ("metadata",)


# --- In a history ---


def test_a_history_says_what_changed_in_each_version(store: ArtifactStore) -> None:
    for data in ({"acc": 0.93}, {"acc": 0.71}, {"acc": 0.71}, {"acc": 0.7}):
        store.create_artifact(key="k", data=data)
    versions = store.read_history("k").versions
    assert [(each.previous, each.compared, each.changes) for each in versions] == [
        ("k@3", "data", ("`acc` 0.71 → 0.7 (-0.01)",)),
        ("k@2", "data", ()),
        ("k@1", "data", ("`acc` 0.93 → 0.71 (-0.22)",)),
        (None, None, ()),
    ]
    store.delete_artifact(versions[2].artifact.id)
    newest = store.read_history("k", limit=2).versions
    assert [(each.previous, each.changes) for each in newest] == [
        ("k@3", ("`acc` 0.71 → 0.7 (-0.01)",)),
        ("k@1", ("`acc` 0.93 → 0.71 (-0.22)",)),
    ]


def test_a_long_history_compares_the_newest_versions(store: ArtifactStore) -> None:
    store.create_artifacts({"key": "k", "data": {"n": n}} for n in range(60))
    versions = store.read_history("k").versions
    assert [each.compared for each in versions] == ["data"] * 50 + [None] * 10
    assert versions[49].changes == ("`n` 9 → 10 (+1)",)
    assert versions[50].previous == "k@9"


def test_a_history_reads_no_more_than_its_share_of_each_payload(store: ArtifactStore) -> None:
    rows = [{"text": "x" * 100_000}]
    for _ in range(50):
        table(store, rows)
    rows.append({"text": "y"})
    table(store, rows)
    assert store.read_history("k").versions[0].changes == ("rows +1",)
    assert {each.compared for each in store.read_history("k").versions[:50]} == {"profile"}
    assert store.read_history("k", limit=2).versions[0].changes == ("1 row added",)
