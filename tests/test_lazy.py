"""Lazy imports: importing the package and publishing load few modules, and every name can still be imported."""

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
NOT_WITH_THE_STORE = """
    artifacts.context artifacts.metrics artifacts.pagination db.postgresql db.run_tables
    filters.base filters.compiler filters.conditions filters.definitions filters.fields filters.operators filters.orders
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


def printed_words(code, *arguments):
    """Run code in a new interpreter and return the words that it prints."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def matches(module, name):
    """Tell whether a module has a name; a name that ends in a dot means all modules of a package."""
    full_name = f"artifact_store.{name}"
    return module == full_name or (name.endswith(".") and module.startswith(full_name))


def lazy_names():
    """Return the lazy names of the package, and the module of each as `__init__` tells type checkers."""
    tree = ast.parse(inspect.getsource(artifact_store))
    (type_checking,) = (node for node in tree.body if isinstance(node, ast.If))
    modules = {}
    for node in type_checking.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                modules[alias.name] = node.module or ""
    return modules


def test_publishing_and_reading_load_neither_filters_nor_renderers(tmp_path):
    url = f"sqlite:///{tmp_path / 'artifacts.db'}"
    ArtifactStore(url).close()
    loaded = printed_words(PUBLISH_AND_READ, url)
    assert {f"artifact_store.{name}" for name in WITH_THE_STORE} <= {*loaded}
    for name in NOT_WITH_THE_STORE:
        assert [module for module in loaded if matches(module, name)] == []
    assert {"difflib", "html", "platformdirs", "pydantic.root_model"} & {*loaded} == set()


def test_importing_the_package_loads_no_other_module():
    loaded = printed_words(IMPORT.format("import artifact_store"))
    ours = {name for name in loaded if name.startswith("artifact_store")}
    assert ours == {"artifact_store", "artifact_store.lazy"}
    assert {"peewee", "pydantic"} & {*loaded} == set()


def test_importing_the_store_class_loads_no_database_module():
    loaded = printed_words(IMPORT.format("from artifact_store import ArtifactStore"))
    assert "artifact_store.schemas.artifacts" in loaded
    for name in [*WITH_THE_STORE, *NOT_WITH_THE_STORE]:
        assert [module for module in loaded if matches(module, name)] == []


def test_every_name_can_be_imported_in_a_new_interpreter():
    assert {*printed_words(ALL_NAMES)} == {*lazy_names()}


@pytest.mark.parametrize(("name", "home"), lazy_names().items())
def test_a_lazy_name_is_that_of_its_module(name, home):
    module = import_module(f"artifact_store.{home}".rstrip("."))
    submodule = f"{module.__name__}.{name}"
    value = getattr(module, name) if hasattr(module, name) else import_module(submodule)
    assert getattr(artifact_store, name) is value


def test_an_unknown_name_is_an_attribute_error():
    message = "module 'artifact_store' has no attribute 'ArtefactFilter'"
    with pytest.raises(AttributeError, match=message):
        artifact_store.ArtefactFilter  # noqa: B018


METHODS = [
    function
    for name, function in inspect.getmembers(ArtifactStore, inspect.isfunction)
    if name[0] != "_"
]
FUNCTIONS = [*METHODS, *(getattr(artifact_store, name) for name in api.__all__)]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__qualname__)
def test_annotations_can_be_resolved(function):
    hints = typing.get_type_hints(function)
    assert {*hints} - {"return"} <= {*inspect.signature(function).parameters}
    assert "return" in hints


def test_annotations_are_the_public_classes():
    hints = typing.get_type_hints(ArtifactStore.read_artifacts)
    assert hints["flow_run_filter"] == artifact_store.FlowRunFilter | None
    assert typing.get_type_hints(ArtifactStore.create_flow)["return"] is artifact_store.Flow


LAZY_SUBMODULE = """
from artifact_store import tables

print('csv' in vars(tables))
tables.csv
print('csv' in vars(tables))
"""


def test_a_submodule_is_imported_when_it_is_first_used():
    assert printed_words(LAZY_SUBMODULE) == ["False", "True"]
    message = r"module 'artifact_store.tables' has no attribute 'xls'"
    with pytest.raises(AttributeError, match=message):
        artifact_store.tables.xls  # noqa: B018
