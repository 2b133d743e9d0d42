"""What a real notebook shows: it is executed by Jupyter's own client, and its outputs are read."""

import textwrap
from html.parser import HTMLParser

import nbformat
import pytest
from nbclient import NotebookClient

PIXEL = "data:image/png;base64,iVBORw0KGgo="
CELLS = {
    "open": """
        from artifact_store import ArtifactStore, register_renderer
        from artifact_store.rendering import blocks
        store = ArtifactStore("sqlite:///notebook.db")
        run = store.create_flow_run(store.create_flow("nightly").id, name="amber-otter")
        first = [{"city": "Oslo", "wind": 3}]
        old = store.create_artifact(key="weather", type="table", data=first, flow_run_id=run.id)
        """,
    "table": """
        rows = [{"city": "Oslo", "wind": "calm"}, {"city": "<b>Rome</b>", "wind": None}]
        fields = {"description": "*Wind* of today", "metadata": {"by": "me"}}
        store.create_artifact(key="weather", type="table", data=rows, flow_run_id=run.id, **fields)
        """,
    "markdown": r"""
        store.create_artifact(key="report", type="markdown", data="# Nightly\n\n| a |\n|---|\n| 1 |")
        """,
    "link": """store.create_artifact(type="link", data={"link": "https://example.org/x", "link_text": "docs"})""",
    "image": f"""store.create_artifact(type="image", data={{"image": "{PIXEL}", "alt": "dot"}})""",
    "progress": """store.create_artifact(key="load", type="progress", data=40)""",
    "json": """store.create_artifact(key="result", type="result", data={"accuracy": 0.5})""",
    "own": """
        @register_renderer("score")
        def show(artifact):
            return ["**won**", blocks.Progress(artifact.data)]
        store.create_artifact(type="score", data=70)
        """,
    "failing": """
        register_renderer("bad", lambda artifact: artifact.data["missing"])
        store.create_artifact(type="bad", data={"a": 1})
        """,
    "list": """store.read_latest_artifacts()""",
    "long list": """
        many = store.create_artifacts({"key": "many", "data": number} for number in range(60))
        store.read_artifacts()
        """,
    "empty list": """store.read_artifacts(limit=0)""",
    "old": "old",
    "closed": """
        store.close()
        old
        """,
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The HTML of each cell of a notebook that was executed."""
    place = tmp_path_factory.mktemp("notebook")
    cells = [
        nbformat.v4.new_code_cell(textwrap.dedent(source).strip()) for source in CELLS.values()
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(place)}}
    ).execute()
    nbformat.validate(notebook)
    outputs = {}
    for name, cell in zip(CELLS, notebook.cells, strict=True):
        assert all(output.output_type == "execute_result" for output in cell.outputs), cell.outputs
        outputs[name] = "".join(output.data["text/html"] for output in cell.outputs)
    return outputs


def contains(html, *parts):
    for part in parts:
        assert part in html, f"{part} is not in {html.partition('</style>')[2]}"


def test_a_table_shows_its_rows_profile_change_trend_and_run(shown):
    contains(
        shown["table"],
        "<strong>weather@2</strong>",
        "<span>Since weather@1:</span><ul><li>column <code>wind</code> became text</li><li>1 row added</li>",
        "<code>store.diff(&quot;weather@1&quot;, &quot;weather@2&quot;)</code>",
        '<svg class="artifact-store-plot" role="img" aria-label="rows: 2 in version 2;',
        "<em>Wind</em> of today",
        "2 rows × 2 columns",
        "<td>&lt;b&gt;Rome&lt;/b&gt;</td>",
        "store.read_artifact_ref(&quot;weather@2&quot;)",
        "<dt>previous</dt><dd>weather@1</dd>",
        "<dt>flow</dt><dd>nightly</dd>",
        "<dt>flow run</dt><dd>amber-otter</dd>",
    )


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("markdown", "<h3>Nightly</h3>"),
        ("markdown", "<table>"),
        (
            "link",
            '<a href="https://example.org/x" rel="noopener noreferrer" target="_blank">docs</a>',
        ),
        ("image", f'<img src="{PIXEL}" alt="dot"'),
        ("progress", '<progress max="100" value="40" aria-label="progress">'),
        ("json", "<details"),
        ("json", "&quot;accuracy&quot;: 0.5"),
        ("own", "<strong>won</strong>"),
        ("own", 'value="70"'),
        ("failing", "KeyError: &#x27;missing&#x27;"),
        ("failing", "&quot;a&quot;: 1"),
        ("empty list", "No artifacts."),
        ("old", "<dt>next</dt><dd>weather@2</dd>"),
        ("old", "<dt>latest</dt><dd>version 2</dd>"),
        ("closed", "weather@1"),
    ],
)
def test_each_kind_is_shown(shown, kind, part):
    contains(shown[kind], part)


def test_a_list_is_a_table(shown):
    columns = ("key", "version", "type", "description", "age", "run")
    contains(
        shown["list"],
        *(f">{name}</th>" for name in columns),
        "<td>weather</td>",
        "<td>amber-otter</td>",
    )


def test_a_long_list_is_cut(shown):
    contains(shown["long list"], "Left out: 19 of 69 artifacts.", "69 artifacts")
    assert shown["long list"].count("<tr>") == 51


def test_what_changed_stands_before_what_there_is(shown):
    html = shown["table"]
    places = [
        html.index(part)
        for part in ("Since weather@1", "<svg", "2 rows × 2 columns", "Rome", "read_artifact_ref")
    ]
    assert places == sorted(places)


def test_a_closed_store_is_not_asked(shown):
    assert "weather@2" not in shown["closed"]


def test_nothing_runs_in_a_notebook(shown):
    for html in shown.values():
        assert "<script" not in html
        assert html.count("<style>") <= 1


class Sanitized(HTMLParser):
    """Reads HTML as an untrusted notebook leaves it: without the elements of a drawing, with the text in them."""

    def __init__(self):
        super().__init__()
        self.within_svg, self.left_behind, self.text = 0, [], []

    def handle_starttag(self, tag, attributes):
        self.within_svg += tag == "svg"

    def handle_endtag(self, tag):
        self.within_svg -= tag == "svg"

    def handle_data(self, data):
        (self.left_behind if self.within_svg else self.text).append(data)


def test_a_trend_is_told_in_words_where_a_drawing_is_taken_away(shown):
    parser = Sanitized()
    parser.feed(shown["table"].partition("</style>")[2])
    assert "<svg" in shown["table"]
    assert parser.left_behind == []
    assert "rows: 2 in version 2; from 1 to 2 over versions 1 to 2" in "".join(parser.text)


@pytest.mark.parametrize("name", ["table", "markdown", "json", "list", "empty list"])
def test_stored_text_is_not_typeset_as_a_formula(shown, name):
    # The names by which MathJax, of version 2 and 3, knows what it must not look into.
    contains(shown[name], '<div class="artifact-store tex2jax_ignore mathjax_ignore"><style>')
    assert shown[name].count("mathjax_ignore") == 1
