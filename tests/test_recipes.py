"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the package.

A block of Python in a recipe begins with a comment that says where its lines go: `# FILE: new`, `# FILE: at the start
of NAME`, `# FILE: before NAME` or `# FILE: at the end of NAME`, NAME being a function, a class or a collection on the
top level of the file. A block that begins with `# check` is a program, which must then run.
"""

import ast
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPE = re.compile(r"^### (.+?)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"# (\S+): (new|at the start of|before|at the end of)(?: (\w+))?\n")
RECIPES = {title: body for title, body in RECIPE.findall(PAGE) if "# check\n" in body}


def defined(tree, name):
    """The statement on the top level that defines a name."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if getattr(node, "name", None) == name or any(
            getattr(each, "id", None) == name for each in targets
        ):
            return node
    raise AssertionError(f"{name} is not defined")


def first_line(node):
    """The line before which a function may begin: after its docstring."""
    return node.body[1 if ast.get_docstring(node) is not None else 0].lineno - 1


def insert(path, place, name, lines):
    """Put lines into a file where the recipe says."""
    if place == "new":
        assert not path.exists(), f"{path.name} exists already"
        path.write_text(lines, encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8").splitlines(keepends=True)
    node = defined(ast.parse("".join(text)), name)
    if place == "before":
        at = node.lineno - 1
        lines += "\n\n"
    elif place == "at the start of":
        at = first_line(node)
    else:
        at = (
            node.end_lineno
            if isinstance(node, ast.ClassDef | ast.FunctionDef)
            else node.end_lineno - 1
        )
    path.write_text("".join([*text[:at], lines, *text[at:]]), encoding="utf-8")


def test_there_is_a_recipe_for_each_of_four_things():
    assert [title.lower() for title in RECIPES] == [
        "a filter field",
        "a column",
        "an artifact type",
        "an engine",
    ]


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_does_what_it_says(title, tmp_path):
    for package in ("artifact_store", "cli"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    checks = 0
    for _, text in BLOCK.findall(RECIPES[title]):
        block = textwrap.dedent(text)
        if block.startswith("# check\n"):
            command = [sys.executable, "-c", block]
            done = subprocess.run(
                command, cwd=tmp_path, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, f"{block}\n{done.stderr}"
            checks += 1
            continue
        found = PLACE.match(block)
        assert found, f"the block does not say where its lines go:\n{block}"
        insert(tmp_path / found[1], found[2], found[3], block[found.end() :])
    assert checks == 1
