"""What an artifact was made from and what used it, as its context has it."""

from datetime import timedelta

from artifact_store import Artifact, ArtifactStore
from artifact_store.artifacts.provenance import read_provenances
from artifact_store.clock import new_id
from artifact_store.rendering import provenance_facts
from artifact_store.rendering.context import MadeFrom, Provenance, UsedBy
from tests.helpers.artifacts import statements
from tests.helpers.inputs import add_input


def provenance(store: ArtifactStore, artifact: Artifact) -> Provenance:
    """Return the provenance of an artifact; that of many artifacts must be the same."""
    found = store.read_surroundings(artifact).provenance
    many = read_provenances(store._db, [new_id(), artifact.id])
    assert many.get(artifact.id, Provenance()) == found
    return found


def test_an_artifact_is_made_from_what_its_run_had_used(store: ArtifactStore) -> None:
    raw = store.create_artifact(key="raw", data=1)
    keyless = store.create_artifact(data=2)
    late = store.create_artifact(key="late", data=3)
    with store.flow_run("nightly") as run:
        add_input(store, raw, "raw@latest", flow_run=run.id)
        add_input(store, raw, "raw@prod", flow_run=run.id)
        add_input(store, keyless, flow_run=run.id)
        clean = store.create_artifact(key="clean", data=4)
        add_input(store, late, "late@1", flow_run=run.id)
        report = store.create_artifact(key="report", data=5)
    sources = (
        MadeFrom(str(keyless.id), (str(keyless.id),), exists=True),
        MadeFrom("raw@1", ("raw@latest", "raw@prod"), exists=True),
    )
    assert provenance(store, clean).made_from == sources
    assert {each.ref for each in provenance(store, report).made_from} == {
        "raw@1",
        "late@1",
        str(keyless.id),
    }
    assert provenance(store, clean).complete

    store.delete_artifact(raw.id)
    made_from = {each.ref: each for each in provenance(store, clean).made_from}
    assert not made_from["raw@1"].exists
    assert made_from[str(keyless.id)].exists


def test_a_use_names_the_run_and_what_it_made(store: ArtifactStore) -> None:
    raw = store.create_artifact(key="raw", data=1)
    with store.flow_run("nightly", run_name="first") as first:
        before = store.create_artifact(key="before", data=0)
        add_input(store, raw, "raw@latest", flow_run=first.id)
        add_input(store, raw, "raw@1", flow_run=first.id)
        store.create_artifact(key="clean", data=2)
        store.create_artifact(key="report", data=3)
        add_input(store, raw, "raw@prod", flow_run=first.id)
    with store.flow_run("serve", run_name="second") as second:
        add_input(store, raw, flow_run=second.id)

    assert provenance(store, raw).used_by == (
        UsedBy(None, second.id, "second", "serve"),
        UsedBy("report@1", first.id, "first", "nightly"),
        UsedBy("clean@1", first.id, "first", "nightly"),
    )
    assert provenance(store, before) == Provenance()


def test_task_runs_and_unknown_runs_use_artifacts_too(store: ArtifactStore) -> None:
    raw = store.create_artifact(key="raw", data=1)
    with store.task_run("alone") as task_run:
        add_input(store, raw, task_run=task_run.id)
        clean = store.create_artifact(key="clean", data=2)
    elsewhere = new_id()
    add_input(store, raw, flow_run=elsewhere)
    other = store.create_artifact(key="other", data=3, flow_run_id=elsewhere)

    assert set(provenance(store, raw).used_by) == {
        UsedBy("clean@1", task_run.id, "alone", None),
        UsedBy("other@1", elsewhere, None, None),
    }
    for made in (clean, other):
        assert provenance(store, made).made_from == (MadeFrom("raw@1", ("raw@1",), exists=True),)


def test_what_has_no_run_was_made_from_nothing_that_is_known(store: ArtifactStore) -> None:
    alone = store.create_artifact(key="alone", data=1)
    assert provenance(store, alone) == Provenance()
    assert read_provenances(store._db, []) == {}


def test_more_than_a_hundred_are_cut(store: ArtifactStore) -> None:
    raws = store.create_artifacts({"key": f"raw{n:03}", "data": n} for n in range(101))
    with store.flow_run("nightly") as run:
        for raw in raws:
            add_input(store, raw, flow_run=run.id)
        made = store.create_artifacts({"key": f"made{n}", "data": n} for n in range(101))

    of_made = provenance(store, made[0])
    assert [each.ref for each in of_made.made_from] == [f"raw{n:03}@1" for n in range(100)]
    of_raw = provenance(store, raws[0])
    assert [each.ref for each in of_raw.used_by] == [f"made{n}@1" for n in range(100, 0, -1)]
    assert not of_made.complete
    assert not of_raw.complete

    found = read_provenances(store._db, [each.id for each in (*raws, *made)])
    assert len(found) == 202
    assert found[raws[0].id] == of_raw


def test_it_costs_one_statement_whatever_there_is(store: ArtifactStore) -> None:
    made = store.create_artifacts({"key": "wind", "data": n} for n in range(5))
    ids = [each.id for each in made]
    assert len(statements(store, lambda: read_provenances(store._db, ids))) == 1
    sent = statements(store, lambda: store.read_surroundings(made[0]))
    assert len([each for each in sent if "artifact_input" in str(each)]) == 1


def test_what_was_used_after_it_was_made_is_no_source(store: ArtifactStore) -> None:
    raw = store.create_artifact(key="raw", data=1)
    with store.flow_run("nightly") as run:
        clean = store.create_artifact(key="clean", data=2)
        add_input(store, raw, flow_run=run.id, used=clean.created + timedelta(microseconds=1))
        assert provenance(store, clean).made_from == ()
        assert [each.ref for each in provenance(store, raw).used_by] == [None]
    with store.flow_run("nightly") as run:
        clean = store.create_artifact(key="clean", data=2)
        add_input(store, raw, flow_run=run.id, used=clean.created)
    assert [each.ref for each in provenance(store, clean).made_from] == ["raw@1"]


def test_long_names_leave_room_for_how_many_more_there_are() -> None:
    sources = tuple(MadeFrom(f"raw/{'x' * 40}-{n}@1", (), exists=True) for n in range(4))
    first, second = (each.ref for each in sources[:2])
    [(_, text)] = provenance_facts(Provenance(sources), "sales@1")
    assert text == f"{first}, {second} and 2 more (artifact-store lineage sales@1)"
    [(_, text)] = provenance_facts(Provenance(sources[:2]), "sales@1")
    assert text == f"{first}, {second}"
