"""What the payload options become: tables, texts, links, images, progress and JSON."""

import io
import json

import pytest
from PIL import Image

from artifact_store import ArtifactStore
from artifact_store_cli.payload import parse_scalar
from tests.helpers.commandline import loaded, run


def test_a_table_keeps_its_columns_and_types(url, tmp_path):
    csv = tmp_path / "sales.csv"
    csv.write_text(
        '\ufeffzone,code,count,share,note\nnorth,007,3,.5,\nsouth,010, 4 ,1e2,"a,\nb"\n\n',
        encoding="utf-8",
    )
    artifact = loaded(url, "create", "sales", "--table", str(csv))
    assert artifact["type"] == "table"
    assert [list(row.items()) for row in artifact["data"]] == [
        [("zone", "north"), ("code", "007"), ("count", 3), ("share", 0.5), ("note", None)],
        [("zone", "south"), ("code", "010"), ("count", 4), ("share", 100.0), ("note", "a,\nb")],
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "line 1 is missing"),
        ("a,a\n1,2\n", "line 1 names 'a' twice"),
        ("a, \n1,2\n", "line 1 has no name for column 2"),
        ("a,b\n1,2\n1\n", "line 3 has 1 cell and the header has 2"),
        ('a,b\n1,2\n"x\ny",2,3\n', "line 4 has 3 cells"),
        ('a,b\n1,"2\n', "is not CSV"),
        ('a,b\n1,"2"x\n', "line 2 is not CSV"),
    ],
)
def test_a_table_that_is_none_is_one_sentence_with_the_line(url, tmp_path, text, sentence):
    csv = tmp_path / "bad.csv"
    csv.write_text(text, encoding="utf-8")
    assert sentence in run(url, "create", "bad", "--table", str(csv), code=1)
    assert run(url, "count", "--all") == "0\n"


def test_a_table_of_nothing_but_a_header(url):
    assert loaded(url, "create", "empty", "--table", "-", input="a,b\n")["data"] == []


@pytest.mark.parametrize(
    ("args", "type", "data"),
    [
        (["--link", "https://example.com"], "link", {"link": "https://example.com"}),
        (
            ["--link", "https://a.b", "--link-text", "A"],
            "link",
            {"link": "https://a.b", "link_text": "A"},
        ),
        (["--image", "https://a.b/c.png"], "image", {"image": "https://a.b/c.png"}),
        (["--progress", "40"], "progress", 40),
        (["--progress", "12.5"], "progress", 12.5),
        (["--progress", "0"], "progress", 0),
        (["--progress", ".5"], "progress", 0.5),
        (["--data", '{"b": [1, 2.5, null]}'], None, {"b": [1, 2.5, None]}),
        (["--data", "null"], None, None),
        (["--data", "7", "--type", "result"], "result", 7),
    ],
)
def test_payloads(url, args, type, data):
    artifact = loaded(url, "create", "k", *args)
    assert (artifact["type"], artifact["data"]) == (type, data)


@pytest.mark.parametrize(
    ("option", "typed", "data"),
    [
        ("--table", "a\n1\n", [{"a": 1}]),
        ("--markdown", "# Title\r\n", "# Title\r\n"),
        ("--link", "https://a.b\n", {"link": "https://a.b"}),
        ("--image", "https://a.b\n", {"image": "https://a.b"}),
        ("--progress", "99\n", 99),
        ("--data", '{"a": 1}', {"a": 1}),
    ],
)
def test_a_dash_reads_standard_input(url, option, typed, data):
    assert loaded(url, "create", "k", option, "-", input=typed.encode())["data"] == data


def test_files(url, tmp_path):
    (tmp_path / "a.md").write_bytes("# Café\n".encode())
    (tmp_path / "a.json").write_text('{"z": 1, "a": 2}', encoding="utf-8")
    assert loaded(url, "create", "k", "--markdown", str(tmp_path / "a.md"))["data"] == "# Café\n"
    assert list(loaded(url, "create", "k", "--data", f"@{tmp_path / 'a.json'}")["data"]) == [
        "z",
        "a",
    ]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ([], "Give one payload"),
        (["--data", "1", "--progress", "1"], "not 2: --progress and --data"),
        (["--progress", "nan"], "a number from 0 to 100, not 'nan'"),
        (["--progress", "101"], "a number from 0 to 100"),
        (["--progress", "-1"], "a number from 0 to 100"),
        (["--progress", ""], "a number from 0 to 100"),
        (["--link", ""], "--link is empty"),
        (["--image", ""], "--image is empty"),
        (["--data", "1", "--link-text", "x"], "--link-text belongs to --link"),
        (["--markdown", "-", "--alt", "x"], "--alt belongs to --image"),
        (["--link", "x", "--no-profile"], "--no-profile belongs to --table"),
        (["--no-profile"], "--no-profile belongs to --table"),
        (["--link", "x", "--delimiter", ";"], "--delimiter belongs to --table"),
        (["--progress", "1e1"], "a number from 0 to 100, not '1e1'"),
        (["--data", "{"], "--data is not JSON"),
        (["--data", ""], "--data is not JSON"),
        (["--data", "NaN"], "NaN is no JSON number"),
        (["--data", '{"a": 1, "a": 2}'], "an object has 'a' twice"),
        (["--data", "[" * 100_000], "it nests too deep"),
        (["--data", "1" * 5000], "--data is not JSON"),
        (["--data", "1", "--metadata", "x"], "NAME=VALUE"),
        (["--data", "1", "--metadata", "=x"], "NAME=VALUE"),
    ],
)
def test_wrong_use(url, args, sentence):
    assert sentence in run(url, "create", "k", *args, code=2)


def test_a_table_from_the_shell_is_the_one_from_python(url, tmp_path):
    csv = tmp_path / "sales.csv"
    csv.write_text("code,count\n007,3\n010,\n", encoding="utf-8")
    made = loaded(url, "create", "sales", "--table", str(csv))
    with ArtifactStore(url) as store:
        same = store.create_table_artifact(csv, key="sales")
        assert (same.data, same.profile) == (made["data"], made["profile"])
        assert (
            loaded(url, "create", "sales", "--table", str(csv), "--no-profile")["profile"] is None
        )
        assert (
            loaded(url, "create", "empty", "--table", "-", input="a,b\n")["profile"]["columns"][1][
                "name"
            ]
            == "b"
        )
        assert loaded(url, "create", "tabs", "--table", "-", input="a\tb\n1\t2\n")["data"] == [
            {"a": 1, "b": 2}
        ]
        for given in ("tab", r"\t", "\t"):
            tabs = loaded(
                url, "create", "tabs", "--table", "-", "--delimiter", given, input="a\tb;c\n1\t2\n"
            )
            assert tabs["data"] == [{"a": 1, "b;c": 2}]
        jsonl = run(url, "create", "lines", "--table", "-", input='{"a": 1}\n{"a": 2}\n', code=1)
        assert "Standard input is JSON lines, not CSV" in jsonl
        updated = loaded(url, "update", "sales@1", "--table", "-", input="count\n9\n")
        assert updated["profile"]["columns"][0]["max"] == 9
        assert loaded(url, "update", "sales@1", "--data", "[]")["profile"] is None


def test_an_image_is_a_file_or_a_url(url, tmp_path):
    path = tmp_path / "plot"
    Image.new("RGB", (4, 5)).save(path, "PNG")
    made = loaded(url, "create", "plot", "--image", str(path), "--alt", "a black box")
    assert made["data"]["image"].startswith("data:image/png;base64,iVBOR")
    assert (made["type"], made["data"]["alt"]) == ("image", "a black box")
    assert (
        loaded(url, "create", "plot", "--image", "-", input=path.read_bytes())["data"]["image"]
        == made["data"]["image"]
    )
    assert loaded(url, "update", "plot", "--image", "//a.b/c.png")["data"] == {
        "image": "//a.b/c.png"
    }


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (b"", "--image is empty: give a file or a URL."),
        (b"text", "the bytes is not an image: use PNG, JPEG, GIF or WebP"),
        (b"<svg onload='alert(1)'/>", "is an SVG, which may hold scripts"),
    ],
)
def test_what_is_no_image(url, typed, sentence):
    told = run(url, "create", "k", "--image", "-", input=io.BytesIO(typed), code=1 if typed else 2)
    assert sentence in told
    assert run(url, "count", "--all") == "0\n"


def test_text_that_is_not_utf8(url, tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes(b"name\ncaf\xe9\n")
    for option in ("--table", "--markdown"):
        assert "is not UTF-8 text (byte 0xe9 at 8)" in run(
            url, "create", "k", option, str(path), code=1
        )
    assert "Standard input is not UTF-8" in run(
        url, "create", "k", "--markdown", "-", code=1, input=b"\xff"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ('"3"', "3"),
        ("", ""),
        ("a=b", "a=b"),
        ("[1]", "[1]"),
    ]
    + [(text, text) for text in ("007", "NaN", "{}", "-", "@x", "[" * 100_000)],
)
def test_metadata_values(text, value):
    assert parse_scalar(text) == value
    assert type(parse_scalar(text)) is type(value)


def test_metadata_of_an_artifact(url):
    artifact = loaded(url, "create", "k", "--data", "1", "--metadata", "n=3", "--metadata", "t=a=b")
    assert artifact["metadata"] == {"n": 3, "t": "a=b"}
    big = run(url, "create", "k", "--data", "1", "--metadata", f"n={2**64}", code=1)
    assert "beyond 64 bits" in big


def test_numbers_of_any_size_survive(url):
    text = json.dumps([10**30, 1e-320, 0.1])
    assert loaded(url, "create", "k", "--data", text)["data"] == [10**30, 1e-320, 0.1]


def test_numbers_beyond_all_bounds(url):
    assert "1e999 is beyond the numbers that JSON readers know" in run(
        url, "create", "k", "--data", "[1e999]", code=2
    )
    assert run(url, "ls", "--limit", str(2**63 - 1)).startswith("key")
    assert f"limit must be < 2**63, got {2**63 + 1}" in run(
        url, "ls", "--limit", str(2**63), code=2
    )


def test_metadata_is_given_once(url):
    told = run(url, "create", "k", "--data", "1", "--metadata", "x=1", "--metadata", "x=2", code=2)
    assert "--metadata gives 'x' twice: give it once." in told


def test_a_table_whose_rows_have_names_of_their_own_is_shown_as_json(url):
    rows = [{f"name {number} {each}": number for each in range(10)} for number in range(1000)]
    with ArtifactStore(url) as store:
        store.create_artifact(key="own", type="table", data=rows)
        store.create_artifact(
            key="wide", type="table", data=[dict.fromkeys(map(str, range(3000)), 1)] * 100
        )
        store.create_artifact(key="few", type="table", data=rows[:100])
    assert len(run(url, "show", "own")) < 500_000, "ten million cells are empty"
    assert json.loads(run(url, "show", "own").partition("\n\n")[2]) == rows
    refused = run(url, "show", "own", "--csv", code=1)
    assert (
        "As CSV own@1 has 10,000 columns for 1,000 rows, nearly all of them empty: take it as --raw."
        in refused
    )
    wide = run(url, "show", "wide").partition("\n\n")[2].splitlines()
    assert [line.count("\t") for line in wide] == [2999] * 101
    few = run(url, "show", "few").partition("\n\n")[2].splitlines()
    assert [line.count("\t") for line in few] == [999] * 101
    assert few[1].split("\t") == ["0"] * 10 + [""] * 990
