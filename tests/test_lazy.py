"""What is loaded when it is first used: importing the package and publishing load little, and no name is missed."""

import ast
import inspect
import subprocess
import sys
import typing
from importlib import import_module

import pytest

import artifact_store
from artifact_store import ArtifactStore, api

PUBLISH_AND_READ = """
import sys

before = {*sys.modules}
import artifact_store

with artifact_store.ArtifactStore(sys.argv[1]) as store:
    made = store.create_artifact(key="sales", data=[{"x": 1}], metadata={"team": "finance"})
    assert store.read_latest_artifact("sales") == store.read_artifact(made.id) == made
    assert store.update_artifact(made.id, description="checked")
    assert store.delete_artifact(made.id)
print(*{*sys.modules} - before)
"""
LATER = """
    artifacts.context artifacts.metrics artifacts.pagination db.postgresql db.run_tables
    filters.compiler filters.conditions filters.definitions filters.fields filters.operators filters.orders
    filters.relations
    payloads.builders payloads.images rendering. report.history report.page report.views
    report.writing runs.active runs.queries runs.sigterm schemas.runs tables.frames tables.profile
    tables.rows
""".split()
WITH_THE_STORE = """
    artifacts.create artifacts.latest artifacts.queries db.artifact_tables db.connect db.dialects
    db.engine db.migrate db.rows db.sqlite db.sqlite_connection db.url jsonable.normalize
""".split()
IMPORT = """
import sys

before = {{*sys.modules}}
{}
print(*{{*sys.modules}} - before)
"""
ALL_NAMES = """
import artifact_store

assert {*artifact_store.__all__} <= {*dir(artifact_store)}
print(*{*artifact_store.__all__} - {*vars(artifact_store)})
from artifact_store import *
assert {*artifact_store.__all__} <= {*globals()}
"""


def printed_by(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def is_of(module, name):
    """Tell whether a module has a name; a name that ends in a dot means all modules of a package."""
    full = f"artifact_store.{name}"
    return module == full or (name.endswith(".") and module.startswith(full))


def later_names():
    """Return the modules, by name, from which `__init__` says to a type checker that its later names come."""
    tree = ast.parse(inspect.getsource(artifact_store))
    (later,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = (node for node in later.body if isinstance(node, ast.ImportFrom))
    return {alias.name: node.module or "" for node in imports for alias in node.names}


def test_publishing_and_reading_load_neither_filters_nor_looks(tmp_path):
    url = f"sqlite:///{tmp_path / 'artifacts.db'}"
    ArtifactStore(url).close()
    loaded = printed_by(PUBLISH_AND_READ, url)
    assert {f"artifact_store.{name}" for name in WITH_THE_STORE} <= {*loaded}
    for name in LATER:
        assert [module for module in loaded if is_of(module, name)] == []
    assert {"difflib", "html", "platformdirs", "pydantic.root_model"} & {*loaded} == set()


def test_importing_loads_nothing():
    loaded = printed_by(IMPORT.format("import artifact_store"))
    assert {name for name in loaded if name.startswith("artifact_store")} == {
        "artifact_store",
        "artifact_store.lazy",
    }
    assert {"peewee", "pydantic"} & {*loaded} == set()


def test_the_class_of_a_store_loads_nothing_that_talks_to_a_database():
    loaded = printed_by(IMPORT.format("from artifact_store import ArtifactStore"))
    assert "artifact_store.schemas.artifacts" in loaded
    assert [
        module for module in loaded for name in [*WITH_THE_STORE, *LATER] if is_of(module, name)
    ] == []


def test_every_name_is_there_in_a_new_interpreter():
    assert {*printed_by(ALL_NAMES)} == {*later_names()}


@pytest.mark.parametrize(("name", "home"), later_names().items())
def test_a_later_name_is_that_of_its_module(name, home):
    module = import_module(f"artifact_store.{home}".rstrip("."))
    own = (
        import_module(f"{module.__name__}.{name}")
        if not hasattr(module, name)
        else getattr(module, name)
    )
    assert getattr(artifact_store, name) is own


def test_a_name_that_is_not_there():
    with pytest.raises(
        AttributeError, match="module 'artifact_store' has no attribute 'ArtefactFilter'"
    ):
        artifact_store.ArtefactFilter  # noqa: B018


FUNCTIONS = [
    *(
        each
        for name, each in inspect.getmembers(ArtifactStore, inspect.isfunction)
        if name[0] != "_"
    ),
    *(getattr(artifact_store, name) for name in api.__all__),
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__qualname__)
def test_annotations_can_be_asked_for(function):
    hints = typing.get_type_hints(function)
    assert {*hints} - {"return"} <= {*inspect.signature(function).parameters}
    assert "return" in hints


def test_annotations_are_the_public_classes():
    hints = typing.get_type_hints(ArtifactStore.read_artifacts)
    assert hints["flow_run_filter"] == artifact_store.FlowRunFilter | None
    assert typing.get_type_hints(ArtifactStore.create_flow)["return"] is artifact_store.Flow


def test_a_module_is_imported_when_its_package_is_first_asked_for_it():
    code = "from artifact_store import tables; print('csv' in vars(tables)); tables.csv; print('csv' in vars(tables))"
    assert printed_by(code) == ["False", "True"]
    with pytest.raises(
        AttributeError, match=r"module 'artifact_store.tables' has no attribute 'xls'"
    ):
        artifact_store.tables.xls  # noqa: B018
