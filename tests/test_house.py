"""The structure of the project: layers, imports, exported names, sizes of files, pages of docs, packaging."""

import ast
import configparser
import importlib.metadata
import importlib.resources
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import artifact_store

ROOT = Path(__file__).parents[1]
PACKAGE, CLI = ROOT / "artifact_store", ROOT / "cli"

# Each package is a layer, and imports point strictly downward.
LAYERS = {
    "errors": 0, "clock": 0, "context": 0, "wording": 0, "callers": 0, "paths": 0, "lazy": 0,
    "durations": 0, "pydantic_internals": 0, "unset": 0,
    "jsonable": 1,
    "db": 2,
    "tables": 3,
    "payloads": 4,
    "rendering": 5,
    "schemas": 6,
    "differences": 6,
    "filters": 7,
    "base": 7,
    "runs": 8,
    "artifacts": 9,
    "checks": 10,
    "report": 10,
    "store": 11,
    "api": 12,
    "__init__": 13,
    "__pyinstaller": 0,
}  # fmt: skip
LOWEST = {name for name, layer in LAYERS.items() if layer == 0}  # these may import each other
PACKAGE_IMPORTS = {"peewee", "playhouse", "platformdirs", "pydantic", "pydantic_core", "uuid_utils"}
LAZY_IMPORTS = {"IPython", "markdown_it", "pandas", "polars", "psycopg", "rich"}
CLI_IMPORTS = {"artifact_store", "click", "pydantic", "rich"}
EXPORTED = """
    Alias AliasMove Artifact ArtifactCollectionFilter ArtifactCollectionSort ArtifactConflict ArtifactContext
    ArtifactCreate ArtifactDataWarning ArtifactFilter ArtifactHistory ArtifactList ArtifactNotFound
    ArtifactProtected ArtifactSort ArtifactStore ArtifactStoreError ArtifactUpdate ArtifactVersion
    Check CheckFailed CheckResult Deployment DeploymentFilter Diff Flow FlowFilter FlowRun
    FlowRunFilter FlowRunTree Inconsistency IntegrityViolation InvalidArtifact InvalidQuery
    InvalidURL Lineage LineageEdge LineageNode MadeFrom OpenFlowRun OpenTaskRun Payload Point
    Provenance ReportInfo RunList RunSort
    SchemaTooNew SchemaTooOld Series StoreDamaged StoreInfo StoreMissing StoreReadOnly StoreUnavailable TaskRun
    TaskRunFilter TaskRunTree UnsupportedCharacter UsedBy VersionConflict WorkPool WorkPoolFilter WorkQueue as_key
    create_image_artifact create_link_artifact create_markdown_artifact create_progress_artifact
    create_table_artifact default_store image_payload link_payload parse_filters progress_payload
    read_artifact_ref read_latest_artifact register_renderer render_artifact rendering
    set_default_store table_payload update_progress_artifact
""".split()
README_COMMANDS = [
    "python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/artifact-store demo",
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/pytest",
]
PAGES_ABOUT_CODE = ["docs/design.md", "CONTRIBUTING.md"]
TOP_DIRECTORIES = {"artifact_store", "cli", "tests", "docs", ".ci"}
MAX_LINES = 500
MAX_FUNCTION_LINES = 45


def relative(path):
    """The path of a file below the root, which is also the id of its test."""
    return path.relative_to(ROOT).as_posix()


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def read_config():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


MIGRATIONS = sorted((PACKAGE / "db" / "migrations").glob("[0-9]*.py"))
HOOKS = (PACKAGE / "__pyinstaller").glob("hook-*.py")  # they import PyInstaller, which runs them
MODULES = sorted(set(PACKAGE.rglob("*.py")) - {*MIGRATIONS, *HOOKS})
COMMANDS = sorted(CLI.rglob("*.py"))


def imports(path):
    """Yield each (module, name or None) that a file imports, in functions too; relative imports are made absolute."""
    package = [*path.relative_to(ROOT).parent.parts]
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None

        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                yield module, alias.name


def is_module(parts):
    """Tell whether there is a module or a package at a path below artifact_store."""
    path = PACKAGE.joinpath(*parts)
    return path.is_dir() or path.with_suffix(".py").exists()


def own_imports(path):
    """Yield the modules of artifact_store that a file imports, each as its parts below the package."""
    for module, name in imports(path):
        root, *parts = module.split(".")
        if root != "artifact_store":
            continue
        if name is not None and is_module([*parts, name]):
            parts.append(name)
        yield tuple(parts) or ("__init__",)


def imported_libraries(nodes):
    """Yield the top-level names that some nodes import from outside of their package."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_imports_point_strictly_downward(path):
    home = path.relative_to(PACKAGE).with_suffix("").parts[0]
    assert home in LAYERS, f"{relative(path)} has no layer: add it to LAYERS in tests/test_house.py"

    upward = set()
    for parts in own_imports(path):
        both_lowest = {parts[0], home} <= LOWEST
        if parts[0] != home and LAYERS[parts[0]] >= LAYERS[home] and not both_lowest:
            upward.add(".".join(parts))
    assert not upward, f"{relative(path)} is in layer {LAYERS[home]} and imports {upward}"


def test_imports_have_no_cycle():
    graph = {}
    for path in MODULES:
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[-1] != "__init__":
            graph[parts] = {
                each
                for each in own_imports(path)
                if PACKAGE.joinpath(*each).with_suffix(".py").exists()
            }
    assert list(TopologicalSorter(graph).static_order())  # raises a CycleError


@pytest.mark.parametrize("path", MIGRATIONS, ids=relative)
def test_migrations_import_nothing_of_the_package(path):
    roots = {module.partition(".")[0] for module, _ in imports(path)}
    assert roots <= {"peewee", "playhouse"} | sys.stdlib_module_names


@pytest.mark.parametrize("path", [*MODULES, *COMMANDS], ids=relative)
def test_only_allowed_libraries_are_imported(path):
    tree = parse(path)
    allowed = CLI_IMPORTS if path in COMMANDS else PACKAGE_IMPORTS | LAZY_IMPORTS
    assert not set(imported_libraries(ast.walk(tree))) - sys.stdlib_module_names - allowed

    # `postgresql` imports the modules postgresql_… under try, and says what to install if psycopg is missing.
    driver = {"psycopg"} if path.name.startswith("postgresql_") else set()
    too_early = set(imported_libraries(tree.body)) & LAZY_IMPORTS - driver
    assert not too_early, "import it inside a function, or under try"


@pytest.mark.parametrize("path", COMMANDS, ids=relative)
def test_the_command_line_uses_public_names(path):
    used = {each for each in imports(path) if each[0].partition(".")[0] == "artifact_store"}
    public = {("artifact_store", name) for name in artifact_store.__all__}
    public |= {("artifact_store.rendering", name) for name in artifact_store.rendering.__all__}
    assert used <= public


def test_exported_names():
    assert artifact_store.__all__ == sorted(EXPORTED)
    for name in EXPORTED:
        documentation = getattr(artifact_store, name).__doc__
        assert documentation, f"{name} has no docstring"
        assert not documentation.startswith(f"{name}("), (
            f"{name} has only the docstring of its dataclass"
        )


def test_exported_names_are_in_the_reference():
    page = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8").split()
    names = [*EXPORTED, *(f"rendering.{name}" for name in artifact_store.rendering.__all__)]
    assert [name for name in names if f"artifact_store.{name}" not in page] == []


def test_init_only_exports_names():
    docstring, *body = parse(PACKAGE / "__init__.py").body
    assert isinstance(docstring, ast.Expr)
    *body, later, last = body
    assert isinstance(later, ast.If)
    assert ast.unparse(later.test) == "TYPE_CHECKING"
    assert all(isinstance(node, ast.ImportFrom) for node in body)
    old_names = [node for node in later.body if not isinstance(node, ast.ImportFrom)]
    assert all(isinstance(node, ast.Assign) for node in old_names)
    assert [ast.unparse(node.targets[0]) for node in [*later.orelse, last]] == [
        "(__getattr__, __dir__)",
        "__all__",
    ]


@pytest.mark.parametrize("path", [*MODULES, *COMMANDS], ids=relative)
def test_files_and_functions_are_short(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MAX_LINES, "split this file"

    for node in ast.walk(parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False) or ""
            lines = node.end_lineno - node.lineno + 1 - len(docstring.splitlines())
            assert lines <= MAX_FUNCTION_LINES, f"split {node.name}"


def words_of_the_sources():
    """Return every word in the code, the tests and the settings: a page may name nothing else."""
    files = [*MODULES, *MIGRATIONS, *COMMANDS, *(ROOT / "tests").rglob("*.py")]
    files += [ROOT / "setup.cfg", ROOT / ".ci" / "run"]
    words = set()
    for path in files:
        words.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return words


def quoted_words(page):
    """Return the words that a page puts in backticks, outside of its fenced blocks."""
    text = re.sub(
        r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    return " ".join(re.findall(r"`([^`\n]+)`", text)).split()


@pytest.mark.parametrize("name", PAGES_ABOUT_CODE)
def test_pages_name_only_what_exists(name):
    paths = []
    names = []
    for text in quoted_words(ROOT / name):
        is_file = text.endswith((".py", ".md", ".cfg", ".txt"))
        if is_file or text.split("/")[0] in TOP_DIRECTORIES:
            paths.append(text)
        elif re.fullmatch(r"[A-Za-z_][\w.]*(\(.*\))?", text):
            names.append(text)

    missing = [path for path in paths if not (ROOT / path).exists()]
    assert missing == [], f"{name} names files that do not exist"

    known = words_of_the_sources()
    unknown = [each for each in names if not {*re.findall(r"\w+", each.partition("(")[0])} <= known]
    assert unknown == [], f"{name} names what is not in the code"


def test_the_calls_drawn_in_the_design_exist():
    page = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    calls = re.findall(r"^ *([\w/]+\.py)  +([\w.]+)  ", page, re.MULTILINE)
    assert len(calls) > 20
    for module, name in calls:
        node = parse(PACKAGE / module)
        for part in name.split("."):
            inner = [each for each in node.body if getattr(each, "name", None) == part]
            assert inner, f"docs/design.md draws {name} in {module}, which is not there"
            node = inner[0]


def test_the_design_shows_the_layers():
    page = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    shown = {}
    for layer, names in re.findall(r"^\| (\d+) \| (.+?) \|", page, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", names):
            shown[name] = int(layer)
    assert shown == {name: layer for name, layer in LAYERS.items() if name != "__pyinstaller"}


@pytest.mark.parametrize("command", README_COMMANDS)
def test_readme_has_the_two_commands(command):
    assert command in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()


def test_constraints_are_the_lower_bounds_of_all_dependencies():
    config = read_config()
    extras = config["options.extras_require"].values()
    required = "\n".join([config["options"]["install_requires"], *extras])
    bounds = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?>=([\d.]+)", required, re.MULTILINE))
    constraints = (ROOT / "tests" / "constraints-minimum.txt").read_text(encoding="utf-8")
    assert len(bounds) > 25
    assert dict(re.findall(r"^([\w-]+)==([\d.]+)$", constraints, re.MULTILINE)) == bounds


def test_version():
    assert read_config()["metadata"]["version"] == importlib.metadata.version("artifact-store")


def test_type_checkers_can_read_an_editable_install():
    mode = read_config()["editable_wheel"]["mode"]
    assert mode == "strict", "any other mode installs an import hook, which they do not run"


@pytest.mark.parametrize("package", ["artifact_store", "artifact_store_cli"])
def test_types_are_shipped(package):
    assert (importlib.resources.files(package) / "py.typed").is_file()


def test_every_package_is_installed():
    """setup.cfg lists the packages, because setuptools cannot find `cli` by the name that it is installed as."""
    listed = read_config()["options"]["packages"].split()
    directories = {path.parent for path in [*MODULES, *MIGRATIONS, *HOOKS, *COMMANDS]}
    found = {".".join(relative(path).split("/")) for path in directories}
    found = {re.sub(r"^cli\b", "artifact_store_cli", name) for name in found}
    assert listed == sorted(found | {"artifact_store.__pyinstaller"})
