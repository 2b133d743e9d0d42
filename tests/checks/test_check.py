"""Checks: each condition, what cannot be evaluated, and the sentences."""

from datetime import UTC, datetime, timedelta

import pytest

from artifact_store import ArtifactStore, Check, CheckFailed, InvalidQuery
from artifact_store.checks import evaluation
from tests.helpers.artifacts import statements

DROP = {"data.acc": {"max_drop": 0.05}}


def publish(store, *accuracies, key="model"):
    return [store.create_artifact(key=key, data={"acc": each}) for each in accuracies]


def sentences(check: Check) -> list[str]:
    return [failure.sentence for failure in check.failures]


# --- What the issue names, each with its sentence ---


def test_the_first_version(store: ArtifactStore):
    publish(store, 0.93)
    check = store.check("model", change=DROP)
    assert not check.ok
    assert sentences(check) == ["model@1 is the first version: there is nothing to compare with."]
    assert check.against is None
    (failure,) = check.failures
    assert (failure.name, failure.condition) == ("against", "exists")


def test_the_versions_before_are_deleted(store: ArtifactStore):
    first, second, third = publish(store, 0.93, 0.92, 0.91)
    store.delete_artifact(second.id)
    check = store.check("model", change=DROP)
    assert check.against == first
    store.delete_artifact(first.id)
    assert sentences(store.check("model", change=DROP)) == [
        "model@3 is the oldest version that is left: there is nothing to compare with."
    ]
    store.delete_artifact(third.id)
    assert sentences(store.check("model", change=DROP)) == ["There is no artifact 'model'."]


def test_a_missing_key(store: ArtifactStore):
    publish(store, 0.9)
    check = store.check("modle", within="24h", where={"data.acc": {"ge_": 0.5}}, change=DROP)
    assert sentences(check) == ["There is no artifact 'modle'. Is it model?"]
    assert (check.ok, check.artifact, check.against) == (False, None, None)
    assert [each.name for each in check.results] == ["key"]
    assert repr(check) == "<Check modle: failed, 1 of 1 condition>"


@pytest.mark.parametrize(
    ("data", "name", "sentence"),
    [
        ({"loss": 1}, "data.acc", "k@1 has no number data.acc; it has data.loss, metadata.seed."),
        ({"acc": None}, "data.acc", "data.acc is null in k@1, not a number."),
        ({"acc": True}, "data.acc", "data.acc is true in k@1, not a number."),
        ({"acc": "0.9"}, "data.acc", "data.acc is the text '0.9' in k@1, not a number."),
        ({"acc": "\x1b[2J"}, "data.acc", r"data.acc is the text '\x1b[2J' in k@1, not a number."),
        ({"acc": [0.9]}, "data.acc", "data.acc is a list in k@1, not a number."),
        ({"acc": {}}, "data.acc", "data.acc is an object in k@1, not a number."),
        ({}, "acc", "k@1 has no number metadata.acc; it has metadata.seed."),
        (None, "data", "data is null in k@1, not a number."),
        ([1], "data.acc", "k@1 has no number data.acc; it has metadata.seed."),
        ([1], "rows", "k@1 has no number rows; it has metadata.seed."),
        ({}, "data.\x1b", r"k@1 has no number 'data.\x1b'; it has metadata.seed."),
        ({}, "team", "metadata.team is the text 'blue' in k@1, not a number."),
        (
            10**400,
            "data",
            "data is too large in k@1, not a number that can be compared.",
        ),
    ],
)
def test_a_field_that_is_not_a_number(store: ArtifactStore, data, name, sentence):
    for _ in range(2):
        store.create_artifact(key="k", data=data, metadata={"seed": 7, "team": "blue"})
    other = {"key": "other", "data": {"acc": 1, "\x1b": 1}, "metadata": {"acc": 1, "team": 1}}
    store.create_artifact(**other)

    # Where both arguments name it, it is one failure.
    where = {name: {"ge_": 0, "le_": 1}}
    check = store.check("k@1", where=where, change={name: {"max_drop": 1}}, against="other@1")
    assert sentences(check) == [sentence]
    assert check.failures[0].value is None
    for conditions in ({"where": where}, {"change": {name: {"max_rise": "5%"}}}):
        check = store.check("k", **conditions)
        assert sentences(check) == [sentence.replace("k@1", "k@2")]


def test_an_artifact_without_numbers_and_one_with_many(store: ArtifactStore):
    store.create_artifact(key="note", type="markdown", data="# Hi")
    store.create_artifact(key="wide", data={f"n{n}": n for n in range(20)})
    (failed,) = sentences(store.check("note", where={"data.n": {"ge_": 1}}))
    assert failed == "note@1 has no number data.n; it has no numbers at all."
    (failed,) = sentences(store.check("wide", where={"data.m": {"ge_": 1}}))
    assert failed.endswith("data.n6, data.n7, ....")


def test_a_number_that_was_not_there_before(store: ArtifactStore):
    store.create_artifact(key="model", data={"loss": 1})
    publish(store, 0.9)
    check = store.check("model", change=DROP)
    assert sentences(check) == ["model@1 has no number data.acc; it has data.loss."]
    assert (check.failures[0].value, check.failures[0].before) == (0.9, None)


def test_a_profile_of_your_own(store: ArtifactStore):
    for rows in (2.5, "many", 10**400):
        store.create_artifact(key="t", type="table", data=[], profile={"rows": rows})
    outcomes = [store.check(f"t@{n}", where={"rows": {"ge_": 1}}).ok for n in (1, 2, 3)]
    assert outcomes == [True, False, False]


def test_a_zero_before(store: ArtifactStore):
    publish(store, 0, 3)
    check = store.check("model", change={"data.acc": {"max_drop": "5%"}})
    assert sentences(check) == [
        "data.acc rose from 0 in model@1 to 3 in model@2, and there is no percentage of 0; "
        "it may fall by at most 5%."
    ]
    assert store.check("model", change={"data.acc": {"max_change": 3}})
    publish(store, 0)
    unchanged = store.check("model", change={"data.acc": {"max_change": "5%"}}, against=1)
    assert [each.sentence for each in unchanged.results] == [
        "data.acc is 0 in model@3, as in model@1; it may change by at most 5%."
    ]
    assert unchanged.ok


def test_an_unchanged_run(store: ArtifactStore):
    """What is published again keeps its version, so it is compared with the same one as before."""
    publish(store, 0.93, 0.71)
    before = store.check("model", change=DROP)
    store.create_artifact(key="model", data={"acc": 0.71}, skip_unchanged=True)
    after = store.check("model", change=DROP)
    assert after.results == before.results
    assert after.artifact.updated > before.artifact.updated
    assert store.check("model", change={"data.acc": {"max_change": 0}}, against=2).ok


# --- Freshness ---


def at(monkeypatch, moment: datetime) -> None:
    """Set the clock of the checking program."""
    monkeypatch.setattr(evaluation, "now", lambda: moment)


def test_fresh_and_stale(store: ArtifactStore, monkeypatch):
    (model,) = publish(store, 0.9)
    time = f"{model.updated:%Y-%m-%d %H:%M:%S} UTC"
    for passed in (timedelta(0), timedelta(hours=24)):
        at(monkeypatch, model.updated + passed)
        assert store.check("model", within="24h").ok
    at(monkeypatch, model.updated + timedelta(hours=26))
    check = store.check("model", within=timedelta(days=1))
    assert sentences(check) == [
        f"model@1 was updated 26 h ago, at {time}; it may be at most 24 h old."
    ]
    (failure,) = check.failures
    assert (failure.name, failure.condition) == ("updated", "within")
    assert (failure.value, failure.limit) == (model.updated, timedelta(hours=24))
    at(monkeypatch, model.updated + timedelta(hours=24, seconds=30))
    assert sentences(store.check("model", within="24h")) == [
        f"model@1 was updated 86,430 s ago, at {time}; it may be at most 24 h old."
    ]


def test_what_is_published_again_is_fresh(store: ArtifactStore, monkeypatch):
    (model,) = publish(store, 0.9)
    store.create_artifact(key="model", data={"acc": 0.9}, skip_unchanged=True)
    assert store.get("model").id == model.id
    updated = store.get("model").updated
    at(monkeypatch, updated + timedelta(minutes=30))
    assert store.check("model", within="30m").ok


def test_a_clock_that_is_ahead(store: ArtifactStore, monkeypatch):
    (model,) = publish(store, 0.9)
    at(monkeypatch, model.updated - evaluation.SKEW)
    assert store.check("model", within="1s").ok
    at(monkeypatch, model.updated - timedelta(hours=3))
    (sentence,) = sentences(store.check("model", within="24h"))
    time = f"{model.updated:%Y-%m-%d %H:%M:%S} UTC"
    assert sentence == (
        f"model@1 was updated 3 h in the future, at {time}: set the clocks of both machines; "
        "until then it cannot be told whether it is at most 24 h old."
    )


# --- Ranges ---


@pytest.mark.parametrize(
    ("condition", "ok", "expected"),
    [
        ({"ge_": 3}, True, "at least 3"),
        ({"ge_": 3.5}, False, "at least 3.5"),
        ({"gt_": 3}, False, "greater than 3"),
        ({"le_": 3}, True, "at most 3"),
        ({"lt_": 3}, False, "less than 3"),
        ({"eq_": 3.0}, True, "equal to 3.0"),
        ({"ne_": 3}, False, "other than 3"),
        ({"between_": [1, 2]}, False, "between 1 and 2"),
        ({"between_": (3, 3)}, True, "between 3 and 3"),
        ({"any_": [1, 2, 3]}, True, "one of 1, 2, 3"),
        ({"not_any_": [1, 3]}, False, "none of 1, 3"),
    ],
)
def test_operators(store: ArtifactStore, condition, ok, expected):
    store.create_table_artifact([{"x": n} for n in range(3)], key="sales")
    check = store.check("sales", where={"rows": condition})
    (result,) = check.results
    assert (bool(check), result.ok) == (ok, ok)
    assert result.sentence == f"rows is 3 in sales@1; it must be {expected}."
    (limit,) = condition.values()
    assert result.limit == (list(limit) if isinstance(limit, tuple) else limit)


def test_names_are_those_of_read_series(store: ArtifactStore):
    rows = [{"x": 1}, {"x": 2}]
    store.create_table_artifact(rows, key="table", metadata={"loss": 0.5})
    store.create_table_artifact(rows, key="plain", profile=False)
    store.create_progress_artifact(40, key="load")
    store.create_artifact(key="model", data={"acc": 0.9, "a.b": 3})
    for key, name in [
        ("table", "rows"),
        ("table", "loss"),
        ("table", "metadata.loss"),
        ("plain", "rows"),
        ("load", "data"),
        ("model", "data.acc"),
        ("model", "data.a.b"),
    ]:
        (point,) = store.read_series(key, name)
        (result,) = store.check(key, where={name: {"eq_": point.value}}).results
        assert result.ok, result.sentence


# --- Changes ---


@pytest.mark.parametrize(
    ("before", "after", "condition", "ok", "moved", "may"),
    [
        (0.93, 0.88, {"max_drop": 0.05}, True, "fell by 0.05", "fall by at most 0.05"),
        (0.93, 0.8799, {"max_drop": 0.05}, False, "fell by 0.0501", "fall by at most 0.05"),
        (0.93, 0.87999999, {"max_drop": 0.05}, False, "fell by 0.05000001", "fall by at most 0.05"),
        (0.93, 0.99, {"max_drop": 0.05}, True, "rose by 0.06", "fall by at most 0.05"),
        (0.93, 0.99, {"max_rise": 0.05}, False, "rose by 0.06", "rise by at most 0.05"),
        (0.93, 0.71, {"max_change": 0.05}, False, "fell by 0.22", "change by at most 0.05"),
        (1000, 950, {"max_drop": "5%"}, True, "fell by 5%", "fall by at most 5%"),
        (1000, 949, {"max_drop": "5%"}, False, "fell by 5.1%", "fall by at most 5%"),
        (-1000, -1051, {"max_drop": "5 %"}, False, "fell by 5.1%", "fall by at most 5%"),
        (10**17, 10**17 + 1, {"max_rise": 0}, False, "rose by 1", "rise by at most 0"),
        (5e-324, 1e308, {"max_rise": "200.5%"}, False, "rose by more than 1e+308%", "rise by at most 200.5%"),
        (123_456, 1, {"max_drop": 100}, False, "fell by 123455", "fall by at most 100"),
        (123_456.5, 1, {"max_drop": 1e5}, False, "fell by 123456", "fall by at most 100000.0"),
        (1, 20_001, {"max_rise": "5%"}, False, "rose by 2000000%", "rise by at most 5%"),
        (0.5, 0.5, {"max_drop": 0}, True, "", "fall by at most 0"),
    ],
)  # fmt: skip
def test_limits(store: ArtifactStore, before, after, condition, ok, moved, may):
    publish(store, before, after)
    check = store.check("model", change={"data.acc": condition})
    (result,) = check.results
    sentence = f"data.acc {moved}, from {before} in model@1 to {after} in model@2; it may {may}."
    if before == after:
        sentence = f"data.acc is {after} in model@2, as in model@1; it may {may}."
    assert result.sentence == sentence
    assert (result.ok, result.value, result.before) == (ok, after, before)


def test_against_what(store: ArtifactStore):
    first, second, third = publish(store, 0.93, 0.5, 0.92)
    (other,) = publish(store, 0.99, key="champion")
    for against in (1, "1", "model@1", first, first.id, str(first.id)):
        check = store.check("model", change=DROP, against=against)
        assert (check.ok, check.artifact, check.against) == (True, third, first)
    check = store.check("model", change=DROP, against="champion@latest")
    assert (check.ok, check.against) == (False, other)
    check = store.check("model", change=DROP, against=9)
    assert sentences(check) == [
        "There is no artifact 'model@9': model has versions 1-3; latest is 3."
    ]
    # A version that was chosen is checked before it is promoted.
    check = store.check("model@2", change=DROP, against="latest")
    assert (check.ok, check.artifact, check.against) == (False, second, third)


def test_against_an_alias(store: ArtifactStore):
    first, _, third = publish(store, 0.93, 0.99, 0.92)
    store.set_alias("model", "prod", 1)
    for against in ("prod", "model@prod"):
        check = store.check("model", change=DROP, against=against)
        assert (check.ok, check.against) == (True, first)
    assert not store.check("model", change=DROP)  # against the version before it

    (missing,) = sentences(store.check("model", change=DROP, against="staging"))
    assert missing.startswith("There is no artifact 'model@staging': model has the alias prod")
    store.set_alias("model", "prod", 3)
    promoted = store.check("model", change=DROP, against="prod")
    assert (promoted.ok, promoted.against) == (True, third)
    assert store.check("model@prod", change=DROP, against="model@1").artifact == third
    with pytest.raises(InvalidQuery, match="is what is checked"):
        store.check("model@prod", change=DROP, against="prod")


def test_an_artifact_without_a_key(store: ArtifactStore):
    alone = store.create_artifact(data={"acc": 0.9})
    check = store.check(alone, change=DROP)
    assert sentences(check) == [
        f"{alone.id} has no key, so it has no versions: there is nothing to compare with."
    ]
    check = store.check(alone.id, change=DROP, against="prod")
    assert sentences(check) == [f"{alone.id} has no key, so it has no 'prod' to compare with."]
    assert store.check(str(alone.id), where={"data.acc": {"ge_": 0.9}}).ok


# --- The value ---


def test_a_check_without_conditions_is_whether_the_key_exists(store: ArtifactStore):
    publish(store, 0.9)
    check = store.check("model")
    assert check
    assert [each.sentence for each in check.results] == ["model@1 exists."]
    assert not store.check("none")


def test_a_check_is_a_value(store: ArtifactStore):
    publish(store, 0.93, 0.71)
    passed = store.check("model", where={"data.acc": {"ge_": 0.5}})
    failed = store.check("model", where={"data.acc": {"ge_": 0.5}}, change=DROP)
    assert passed.raise_if_failed() is passed
    assert repr(passed) == "<Check model@2: ok, 1 condition>"
    assert repr(failed) == "<Check model@2 against model@1: failed, 1 of 2 conditions>"
    assert failed == store.check("model", where={"data.acc": {"ge_": 0.5}}, change=DROP)
    with pytest.raises(CheckFailed, match=r"^data\.acc fell by 0\.22, from 0\.93 in model@1"):
        failed.raise_if_failed()
    with pytest.raises(AttributeError):
        failed.ref = "other"


def test_a_check_as_json(store: ArtifactStore, monkeypatch):
    model, _ = publish(store, 0.93, 0.71)
    at(monkeypatch, datetime(2100, 1, 1, tzinfo=UTC))
    document = store.check("model@1", within="24h", where={"data.acc": {"ge_": 0.5}}).to_dict()
    assert (document["ref"], document["artifact"], document["against"]) == (
        "model@1",
        "model@1",
        None,
    )
    assert document["ok"] is False
    updated, number = document["results"]
    assert updated["value"] == f"{model.updated:%Y-%m-%dT%H:%M:%S.%f}Z"
    assert updated["limit"] == 86_400
    assert document["failures"] == [updated["sentence"]]
    assert number == {
        "name": "data.acc",
        "condition": "ge_",
        "ok": True,
        "sentence": "data.acc is 0.93 in model@1; it must be at least 0.5.",
        "expected": "must be at least 0.5",
        "value": 0.93,
        "limit": 0.5,
        "before": None,
    }


def test_a_check_in_a_notebook_escapes(store: ArtifactStore):
    store.create_artifact(key="k", data={"<b>": "<script>\u202e"})
    check = store.check("k", where={"data.<b>": {"ge_": 1}})
    html = check._repr_html_()
    assert "k@1: failed, 1 of 1 condition" in html
    assert "data.&lt;b&gt;" in html
    assert "<script>" not in html
    assert "\u202e" not in html
    store.create_artifact(key="k", data={"<b>": 1, "acc": 1})
    mixed = store.check("k", where={"data.acc": {"ge_": 1}}, change={"data.acc": {"max_rise": 1}})
    for shown in (store.check("none"), check, mixed):
        assert ">null<" not in shown._repr_html_()


# --- The statements ---


def test_a_constant_number_of_statements(store: ArtifactStore):
    publish(store, *[0.9] * 10)
    where = {"data.acc": {"ge_": 0}, "rows": {"ge_": 1}, "loss": {"ge_": 1}}
    change = {"data.acc": {"max_drop": 1}, "rows": {"max_drop": 1}}
    assert len(statements(store, lambda: store.check("model", within="1h", where=where))) == 1
    assert len(statements(store, lambda: store.check("model", where=where, change=change))) == 2
    assert len(statements(store, lambda: store.check("model", change=change, against=3))) == 2


def test_both_sides_are_of_one_moment(store: ArtifactStore, store_url: str):
    """Between its two statements another program publishes a version and makes it that of production."""
    (first,) = publish(store, 0.9)
    store.set_alias("model", "prod", 1)
    taken = store._engine.query
    reads: list[str] = []

    def query(sql, *others):
        reads.append(sql)
        if len(reads) == 2:
            with ArtifactStore(store_url) as other, other.atomic():
                publish(other, 0.1)
                other.set_alias("model", "prod", 2)
        return taken(sql, *others)

    store._engine.query = query
    try:
        check = store.check("model", change=DROP, against="prod")
    finally:
        del store._engine.query
    assert len(reads) == 2
    assert (check.artifact, check.against) == (first, first)
    assert store.check("model", change=DROP, against="prod").artifact.version == 2


def test_inside_a_block_and_a_snapshot(store: ArtifactStore):
    publish(store, 0.9)
    with store.atomic():
        publish(store, 0.5)
        assert not store.check("model", change=DROP)
    with store.snapshot():
        assert store.check("model", change=DROP).artifact.version == 2


def test_a_store_that_only_reads(store: ArtifactStore, store_url: str):
    publish(store, 0.9, 0.5)
    with ArtifactStore(store_url, read_only=True) as reader:
        assert sentences(reader.check("model", change=DROP)) == sentences(
            store.check("model", change=DROP)
        )


def test_numbers_of_numpy(store: ArtifactStore):
    numpy = pytest.importorskip("numpy")
    publish(store, 0.9, 0.8)
    condition = {"ge_": numpy.float32(0.5), "le_": numpy.int64(1)}
    assert store.check("model", where={"data.acc": condition}).ok
    assert not store.check("model", change={"data.acc": {"max_drop": numpy.float64(0.01)}})


def test_a_check_as_markdown(store: ArtifactStore):
    publish(store, 0.93, 0.71)
    store.create_artifact(key="odd", data={"a|b": "@someone <b> #12"})
    check = store.check("model", where={"data.acc": {"ge_": 0.5}}, change=DROP)
    headline, failure, table = check.to_markdown().split("\n\n")
    assert headline.startswith("❌ **model")
    assert failure.startswith("- data.acc fell by 0.22, from 0.93")
    assert table.splitlines()[2:] == [
        "| ok | data.acc | must be at least 0.5 | 0.71 |  |",
        "| failed | data.acc | may fall by at most 0.05 | 0.71 | 0.93 |",
    ]
    assert store.check("model").to_markdown().startswith("✅ **model")
    odd = store.check("odd", where={"data.a|b": {"ge_": 1}}).to_markdown()
    assert "@someone" not in odd
    assert "<b>" not in odd
    assert "a|b" not in odd.splitlines()[-1]
