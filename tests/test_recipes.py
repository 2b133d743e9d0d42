"""Follows the recipes of CONTRIBUTING.md in a copy of the package.

A block of Python in a recipe begins with a comment that says where its lines go: `# FILE: new`,
`# FILE: at the start of NAME`, `# FILE: before NAME` or `# FILE: at the end of NAME`. NAME is a
function, a class or a collection at the top level of the file. A block that begins with `# check`
is a program that must run afterwards.
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
POSITION = re.compile(r"# (\S+): (new|at the start of|before|at the end of)(?: (\w+))?\n")
RECIPES = {title: body for title, body in RECIPE.findall(PAGE) if "# check\n" in body}


def find_definition(tree, name):
    """Return the statement at the top level that defines a name."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [getattr(node, "name", None), *(getattr(each, "id", None) for each in targets)]
        if name in names:
            return node
    raise AssertionError(f"{name} is not defined")


def line_of(node, position):
    """Return the number of lines in front of a position at a definition."""
    if position == "before":
        return node.lineno - 1
    if position == "at the start of":
        after_docstring = 0 if ast.get_docstring(node) is None else 1
        return node.body[after_docstring].lineno - 1
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return node.end_lineno
    return node.end_lineno - 1  # inside of the closing bracket


def insert(path, position, name, lines):
    """Insert lines into a file where the recipe says."""
    if position == "new":
        assert not path.exists(), f"{path.name} exists already"
        path.write_text(lines, encoding="utf-8")
        return

    text = path.read_text(encoding="utf-8")
    before = text.splitlines(keepends=True)
    line = line_of(find_definition(ast.parse(text), name), position)
    if position == "before":
        lines += "\n\n"
    path.write_text("".join([*before[:line], lines, *before[line:]]), encoding="utf-8")


def run(program, directory):
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, f"{program}\n{result.stderr}"


def test_there_are_four_recipes():
    assert [title.lower() for title in RECIPES] == [
        "a filter field",
        "a column",
        "an artifact type",
        "an engine",
    ]


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_works(title, tmp_path):
    ignore = shutil.ignore_patterns("__pycache__")
    for package in ("artifact_store", "cli"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)

    checks = 0
    for _, text in BLOCK.findall(RECIPES[title]):
        block = textwrap.dedent(text)
        if block.startswith("# check\n"):
            run(block, tmp_path)
            checks += 1
            continue

        found = POSITION.match(block)
        assert found, f"the block does not say where its lines go:\n{block}"
        path, position, name = found.groups()
        insert(tmp_path / path, position, name, block[found.end() :])
    assert checks == 1
