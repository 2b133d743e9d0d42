"""One line publishes each kind of artifact, on a store and on the default store, under the names of Prefect."""

import inspect
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import uuid
from contextlib import nullcontext

import pandas as pd
import pytest

import artifact_store
from artifact_store import (
    ArtifactConflict,
    ArtifactCreate,
    ArtifactFilter,
    ArtifactStore,
    InvalidArtifact,
    InvalidQuery,
    InvalidURL,
    default_store,
    set_default_store,
    table_payload,
)

GIF = b"GIF89a" + bytes(7) + b"," + bytes(11) + b";"
# What Prefect's synchronous functions take, by name and in this order (prefect.artifacts, 3.x); `client` is left out.
OF_PREFECT = {
    "create_link_artifact": "link link_text key description",
    "create_markdown_artifact": "markdown key description",
    "create_table_artifact": "table key description",
    "create_progress_artifact": "progress key description",
    "update_progress_artifact": "artifact_id progress description",
    "create_image_artifact": "image key description",
}
ONE_OF_EACH = [
    (
        "create_link_artifact",
        ("https://a.b", "text"),
        "link",
        {"link": "https://a.b", "link_text": "text"},
    ),
    ("create_markdown_artifact", ("# Title\r\n\0",), "markdown", "# Title\r\n\0"),
    ("create_table_artifact", ({"a": [1, 2]},), "table", [{"a": 1}, {"a": 2}]),
    ("create_progress_artifact", (12.5,), "progress", 12.5),
    ("create_image_artifact", ("https://a.b/c.png",), "image", {"image": "https://a.b/c.png"}),
]


@pytest.fixture
def fresh(url, monkeypatch):
    """No default store, and an empty database that the environment names."""
    monkeypatch.setenv("ARTIFACT_STORE_URL", url)
    before = set_default_store(None)
    yield
    opened = set_default_store(before)
    if opened is not None:
        assert opened.verify() == []
        opened.close()


@pytest.mark.parametrize(("name", "given", "type", "data"), ONE_OF_EACH)
def test_each_kind_is_published_as_it_is_stored(store, name, given, type, data):
    run = store.create_flow_run(store.create_flow("etl").id)
    told = {
        "key": "k",
        "description": "what it is",
        "metadata": {"n": 1},
        "flow_run_id": run.id,
        "id": uuid.uuid4(),
    }
    created = getattr(store, name)(*given, **told)
    assert store.read_artifact(created.id) == store.read_latest_artifact("k") == created
    assert (created.type, created.data, created.version) == (type, data, 1)
    assert {field: getattr(created, field) for field in told} == told
    assert getattr(store, name)(*given, **told) == created, "the same id and content once more"
    assert getattr(store, name)(*given, key="k").version == 2
    assert getattr(store, name)(*given).key is None
    with pytest.raises(ArtifactConflict):
        getattr(store, name)(*given, **{**told, "description": "other"})
    with pytest.raises(
        InvalidArtifact, match=r"Invalid key 'bad key': .* as_key.text. makes 'bad-key' of it"
    ):
        getattr(store, name)(*given, key="bad key")


def test_the_profile_of_a_table_is_stored_and_may_be_left_out(store):
    frame = pd.DataFrame({"b": [1, None], "a": ["x", "y"]})
    created = store.create_table_artifact(frame, key="t")
    assert list(created.data[0]) == ["b", "a"]
    assert store.read_artifact(created.id).profile == created.profile
    assert [(each["name"], each["nulls"]) for each in created.profile["columns"]] == [
        ("b", 1),
        ("a", 0),
    ]
    assert store.create_table_artifact(frame, key="t", profile=False).profile is None
    named = store.create_table_artifact([["x"]], columns=["letter"])
    assert named.data == [{"letter": "x"}]


@pytest.mark.parametrize("rows", [[], [(2, "x", None), (1, None, 0.5)]])
def test_a_frame_comes_back_with_its_columns(store, rows):
    names = ["second", "name", "first"]
    created = store.create_table_artifact(pd.DataFrame(rows, columns=names), key="t")
    back = store.read_artifact_ref("t@1")
    assert back == created
    assert list(back.to_pandas().columns) == back.to_polars().columns == names
    assert back.to_polars().rows() == rows
    assert store.create_table_artifact(back.to_polars()).data == created.data


def test_payloads_are_fields_for_bulk_creates_and_updates(store):
    many = store.create_artifacts(
        {"key": f"part/{n}", **table_payload([{"n": n}])} for n in range(3)
    )
    assert [each.profile["columns"][0]["max"] for each in many] == [0, 1, 2]
    assert store.create_artifact(ArtifactCreate(key="part/3", **table_payload([[1]]))).data == [
        {"0": 1}
    ]
    assert store.update_artifact(many[0].id, **table_payload({"n": [5]}))
    assert store.read_artifact(many[0].id).profile["columns"][0]["max"] == 5


def test_progress_is_updated_in_place(store):
    created = store.create_progress_artifact(
        0, key="load", description="loading", metadata={"n": 1}
    )
    half = store.update_progress_artifact(created, 50)
    assert (half.id, half.version, half.data, half.description, half.metadata) == (
        created.id,
        1,
        50,
        "loading",
        {"n": 1},
    )
    assert half.updated > created.updated
    by_text = store.update_progress_artifact(str(created.id), 99.5, "nearly", {"n": 2})
    assert (by_text.data, by_text.description, by_text.metadata) == (99.5, "nearly", {"n": 2})
    assert store.read_latest_artifact("load") == by_text
    with pytest.warns(UserWarning, match="progress 101 is outside of 0 to 100: 100 is stored"):
        assert store.update_progress_artifact(artifact_id=created.id, progress=101).data == 100
    assert store.update_progress_artifact(uuid.uuid4(), 1) is None
    with pytest.raises(InvalidArtifact, match=r"not a number \(NaN\)"):
        store.update_progress_artifact(created, float("nan"))
    with pytest.raises(InvalidQuery):
        store.update_progress_artifact("load@", 1)
    assert store.read_artifact(created.id).data == 100
    assert store.update_progress_artifact("load", 99).data == 99


@pytest.mark.parametrize("key", ["sales", None])
@pytest.mark.parametrize("in_block", [False, True])
def test_only_a_progress_artifact_is_updated_as_one(store, key, in_block):
    table = store.create_table_artifact([{"n": 1}], key=key)
    note = store.create_artifact(key=key, data="note")
    with store.atomic() if in_block else nullcontext():
        for created, name in (
            (table, "sales@1" if key else str(table.id)),
            (note, "sales@2" if key else str(note.id)),
        ):
            with pytest.raises(
                InvalidQuery, match=f"^{name} is not a progress artifact .*update_artifact"
            ):
                store.update_progress_artifact(created, 50, "half", {"n": 1})
            assert store.read_artifact(created.id) == created
        loading = store.create_progress_artifact(0)
        assert store.update_progress_artifact(loading, 50).data == 50
    assert store.read_artifact(table.id).profile == table.profile


def test_images_are_kept_in_the_store(store, tmp_path):
    (tmp_path / "a.png").write_bytes(GIF)
    created = store.create_image_artifact(tmp_path / "a.png", key="plot", alt="a dot")
    assert store.read_artifact(created.id).data == {"image": created.data["image"], "alt": "a dot"}
    assert created.data["image"].startswith("data:image/gif;base64,R0lGODlh")
    assert store.create_image_artifact(image_url="/a.png").data == {"image": "/a.png"}


def test_nothing_is_stored_of_what_is_refused(store):
    for name, wrong in [
        ("create_link_artifact", 3),
        ("create_markdown_artifact", ["text"]),
        ("create_table_artifact", {"a": [1], "b": []}),
        ("create_progress_artifact", "50"),
        ("create_image_artifact", b"text"),
    ]:
        with pytest.raises(InvalidArtifact):
            getattr(store, name)(wrong, key="k")
    assert store.count_artifacts() == 0


# The default store


@pytest.mark.parametrize(("name", "parameters"), OF_PREFECT.items())
def test_parameters_are_those_of_prefect(name, parameters):
    function = inspect.signature(getattr(artifact_store, name)).parameters
    method = inspect.signature(getattr(ArtifactStore, name)).parameters
    assert list(function)[: len(parameters.split())] == parameters.split()
    assert ["self", *function] == list(method)


@pytest.mark.parametrize(("name", "given", "type", "data"), ONE_OF_EACH)
def test_functions_publish_to_the_store_that_the_environment_names(
    fresh, url, name, given, type, data
):
    created = getattr(artifact_store, name)(*given, key="k", description="told")
    assert (created.type, created.data, created.description) == (type, data, "told")
    with ArtifactStore(url) as other:
        assert other.read_latest_artifact("k") == created
    assert (
        artifact_store.read_latest_artifact("k")
        == artifact_store.read_artifact_ref("k@1")
        == created
    )
    assert artifact_store.read_latest_artifact("other") is None


def test_code_that_was_written_for_prefect(fresh):
    from artifact_store import (
        create_image_artifact,
        create_progress_artifact,
        update_progress_artifact,
    )

    create_image_artifact(image_url="https://a.b/c.png", key="gif", description="A gif.")
    progress_artifact_id = create_progress_artifact(
        progress=0.0, description="Indicates the progress of fetching."
    )
    for done in range(1, 11):
        update_progress_artifact(artifact_id=progress_artifact_id, progress=done * 10)
    (created,) = default_store().read_artifacts(
        artifact_filter=ArtifactFilter(type={"any_": ["progress"]})
    )
    assert created.data == 100


def test_the_default_store_is_one_for_all_threads(fresh):
    ready, found = threading.Barrier(8), []

    def open_it():
        ready.wait()
        found.append(default_store())

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_the_default_store_can_be_another_one(fresh, tmp_path):
    with ArtifactStore(f"sqlite:///{tmp_path}/mine.db") as mine:
        assert set_default_store(mine) is None
        assert default_store() is mine
        artifact_store.create_markdown_artifact("text", key="k")
        assert mine.count_artifacts() == 1
        assert set_default_store(None) is mine
    assert default_store() is not mine
    assert default_store().count_artifacts() == 0
    with pytest.raises(
        InvalidQuery, match="The default store is an ArtifactStore, not a str: open one first"
    ):
        set_default_store("sqlite:///:memory:")


def test_a_default_store_that_does_not_open_is_tried_again(fresh, monkeypatch):
    url = os.environ["ARTIFACT_STORE_URL"]
    monkeypatch.setenv("ARTIFACT_STORE_URL", "nonsense")
    with pytest.raises(InvalidURL):
        default_store()
    monkeypatch.setenv("ARTIFACT_STORE_URL", url)
    assert default_store().count_artifacts() == 0


def test_the_methods_of_a_subclass_are_called(fresh, url):
    class Mine(ArtifactStore):
        def create_markdown_artifact(self, *args, **fields):
            return "mine"

    with Mine(url) as mine:
        set_default_store(mine)
        assert artifact_store.create_markdown_artifact("text") == "mine"
        set_default_store(None)


def test_functions_are_themselves():
    for name in OF_PREFECT:
        function = getattr(artifact_store, name)
        assert pickle.loads(pickle.dumps(function)) is function
        assert function.__doc__ == getattr(ArtifactStore, name).__doc__


def test_a_fork_while_another_thread_opens_the_store(fresh):
    from artifact_store import api

    with api._lock:  # as a thread holds it that is just opening the store
        child = multiprocessing.get_context("fork").Process(target=default_store)
        child.start()
        child.join(20)
    assert child.exitcode == 0


def test_a_program_ends_quietly_with_an_open_default_store(fresh, url):
    script = "from artifact_store import *; print(create_table_artifact([{'a': 1}], key='t'))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("<Artifact t@1 table")
    assert done.stderr == ""
