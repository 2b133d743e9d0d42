"""The bars that `track` draws in a real notebook, and in IPython on a terminal."""

import re
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.helpers.bars import BEGINNING, WITHOUT_CI, screen_of
from tests.helpers.commandline import program_on_terminal

CELLS = {
    "loop": """
        import time
        from artifact_store import ArtifactStore
        store = ArtifactStore("sqlite:///:memory:")
        for n in store.track("abc", key="load", description="Loading <b>*now*</b>"):
            for m in store.track(range(2), description="inner"):
                time.sleep(0.2)
        """,
    "nothing": "list(store.track('abc', show=False))[:0]",
    "failing": """
        for n in store.track(range(4), description="Failing"):
            time.sleep(0.3)
            1 / (2 - n)
        """,
    "threads": """
        import threading
        threads = [
            threading.Thread(target=lambda: list(store.track(range(2), description="thread")))
            for _ in range(3)
        ]
        [each.start() for each in threads]
        [each.join() for each in threads]
        "end"
        """,
}


@pytest.fixture(scope="module")
def notebook():
    """The outputs of each cell of a notebook that was executed."""
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(each).strip()) for each in CELLS.values()]
    made = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(made, timeout=120, kernel_name="python3", allow_errors=True)
    client.execute()
    nbformat.validate(made)
    return {name: cell.outputs for name, cell in zip(CELLS, made.cells, strict=True)}


def html_of(output):
    return output.data["text/html"].partition("</style>")[2]


def test_a_cell_has_one_bar_that_was_updated(notebook):
    [output] = notebook["loop"]
    html = html_of(output)
    assert "Loading &lt;b&gt;now&lt;/b&gt;" in html
    assert 'value="100"' in html
    assert re.search(r"100 %, 3 / 3, [\d.]+/s, took 1\.\d s", html)
    assert "inner" not in html
    assert output.data["text/plain"].startswith("Loading <b>now</b>: 100 %, 3 / 3, ")


def test_a_cell_that_failed_shows_how_far_it_got(notebook):
    bar, error = notebook["failing"]
    assert "50 %, 2 / 4" in html_of(bar)
    assert "left" not in html_of(bar)
    assert error.output_type == "error"


def test_a_cell_without_a_bar_has_none(notebook):
    [output] = notebook["nothing"]
    assert output.data == {"text/plain": "[]"}


def test_threads_of_a_cell_share_its_output(notebook):
    assert [each.output_type for each in notebook["threads"]][-1] == "execute_result"
    assert "thread" in html_of(notebook["threads"][0])


def test_ipython_on_a_terminal_gets_it_back_after_an_error(tmp_path):
    script = Path(tmp_path / "cells.ipy")
    script.write_text(
        textwrap.dedent(BEGINNING)
        + textwrap.dedent(
            """
            get_ipython().run_cell("for n in store.track(range(4)): 1 / (2 - n)")
            assert (sys.stdout, sys.stderr, sys.excepthook) == streams
            print("behind")
            """
        )
    )
    command = [sys.executable, "-m", "IPython", "--no-banner", "--quick", str(script)]
    env = {**WITHOUT_CI, "IPYTHONDIR": str(tmp_path / "ipython")}
    code, told = program_on_terminal(command, env=env)
    assert code == 0, told
    assert " 50 %  2 / 4" in told
    assert "behind" in screen_of(told)
