"""What people hand over as a table, an image, a link, a text or a progress, and the plain data that it becomes."""

import base64
import contextlib
import datetime
import io
import subprocess
import sys
import warnings
from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from pydantic import BaseModel, HttpUrl

from artifact_store import ArtifactStore, InvalidArtifact, image_payload, table_payload
from artifact_store.payloads.builders import link_payload, markdown_payload, progress_payload
from artifact_store.payloads.images import MAX_IMAGE_BYTES
from artifact_store.tables.csv import parse_csv

mpl.use("agg")
ROWS = [{"city": "Oslo", "wind": 3}, {"city": "Rome", "wind": 5}]
City = namedtuple("City", ["city", "wind"])


@dataclass
class Place:
    city: str
    wind: int


class Model(BaseModel):
    city: str
    wind: int


def rows_of(table, **options):
    return table_payload(table, profile=False, **options)["data"]


# Tables


@pytest.mark.parametrize(
    "table",
    [
        ROWS,
        tuple(ROWS),
        {"city": ["Oslo", "Rome"], "wind": [3, 5]},
        {"city": ("Oslo", "Rome"), "wind": np.array([3, 5])},
        {"city": pd.Series(["Oslo", "Rome"]), "wind": pl.Series([3, 5])},
        [["city", "wind"], ["Oslo", 3], ["Rome", 5]],
        [("city", "wind"), ("Oslo", 3), ("Rome", 5)],
        [City("Oslo", 3), City("Rome", 5)],
        [Place("Oslo", 3), Place("Rome", 5)],
        [Model(city="Oslo", wind=3), Model(city="Rome", wind=5)],
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS).astype({"city": "category", "wind": "Int16"}),
        pd.DataFrame(ROWS).set_index("city"),
        pd.DataFrame({"city": ["x", "Oslo", "Rome"], "wind": [9, 3, 5]})[1:],
        pl.DataFrame(ROWS),
        io.StringIO("city,wind\nOslo,3\nRome,5\n"),
        io.BytesIO("\ufeffcity,wind\r\nOslo,3\r\n\r\nRome,5\r\n".encode()),
    ],
    ids=lambda table: type(table).__module__.partition(".")[0] + "." + type(table).__name__,
)
def test_each_form_of_a_table_is_the_same_rows(table):
    payload = table_payload(table)
    assert payload["type"] == "table"
    assert [list(row.items()) for row in payload["data"]] == [list(row.items()) for row in ROWS]
    assert payload["profile"] == table_payload(ROWS)["profile"]
    assert [column["name"] for column in payload["profile"]["columns"]] == ["city", "wind"]


def test_a_path_is_a_csv_file(tmp_path):
    path = tmp_path / "cities.csv"
    path.write_text("code,wind\n007,3\n010,\n", encoding="utf-8")
    wanted = [{"code": "007", "wind": 3}, {"code": "010", "wind": None}]
    assert rows_of(path) == rows_of(str(path)) == wanted
    with path.open(encoding="utf-8") as text, path.open("rb") as binary:
        assert rows_of(text) == rows_of(binary) == wanted


def test_rows_without_names_are_numbered_and_can_be_named():
    assert rows_of([[1, 2], [3, None]]) == [{"0": 1, "1": 2}, {"0": 3, "1": None}]
    assert rows_of([["a", None]]) == [{"0": "a", "1": None}], "a header is texts alone"
    assert rows_of([["a", "a"], ["b", " "]]) == [{"0": "a", "1": "a"}, {"0": "b", "1": " "}]
    assert rows_of([["", "b"]]) == [{"0": "", "1": "b"}]
    assert rows_of([[]]) == [{}]
    assert rows_of([["a", "b"]], columns=["x", "y"]) == [{"x": "a", "y": "b"}]
    assert rows_of(np.array([[1.5, 2], [3, np.nan]])) == [
        {"0": 1.5, "1": 2.0},
        {"0": 3.0, "1": None},
    ]
    assert rows_of([City("a", "b")], columns=["x", "y"]) == [{"x": "a", "y": "b"}]
    assert rows_of([City("a", "b"), City("c", "d")])[0] == {"city": "a", "wind": "b"}


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ([], []),
        ({}, []),
        (pd.DataFrame(), []),
        (pl.DataFrame(), []),
        ({"a": [], "b": []}, ["a", "b"]),
        ([["a", "b"]], ["a", "b"]),
        (pd.DataFrame({"a": [], 7: []}), ["a", "7"]),
        (pd.DataFrame({"a": []}, index=pd.Index([], name="day")), ["day", "a"]),
        (pl.DataFrame({"a": []}), ["a"]),
        (io.StringIO("a,b\n"), ["a", "b"]),
    ],
)
def test_a_table_without_rows_keeps_its_columns_in_the_profile(table, names):
    payload = table_payload(table)
    assert payload["data"] == []
    assert payload["profile"]["rows"] == 0
    assert [column["name"] for column in payload["profile"]["columns"]] == names


def test_rows_may_differ_in_their_names():
    assert rows_of([{"a": 1}, {"b": 2, "a": None}]) == [{"a": 1}, {"b": 2, "a": None}]


def test_cells_are_what_json_says_of_them():
    noon = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
    cells = {
        "nan": float("nan"),
        "list": [1, {"x": None}],
        "at": noon,
        "sum": Decimal("9.90"),
        "none": pd.NA,
    }
    assert rows_of([cells]) == [
        {
            "nan": None,
            "list": [1, {"x": None}],
            "at": "2026-11-24T12:00:00+00:00",
            "sum": "9.90",
            "none": None,
        }
    ]


def test_an_index_that_says_something_becomes_columns():
    frame = pd.DataFrame(
        {"region": ["north", "north", "south"], "year": [1, 2, 1], "total": [4, 5, 6]}
    )
    assert rows_of(frame.groupby("region").sum(numeric_only=True)[["total"]]) == [
        {"region": "north", "total": 9},
        {"region": "south", "total": 6},
    ]
    two = frame.groupby(["region", "year"]).sum()
    assert rows_of(two)[1] == {"region": "north", "year": 2, "total": 5}
    assert rows_of(frame[["total"]].describe())[0] == {"index": "count", "total": 3.0}
    days = pd.DataFrame({"x": [1]}, index=pd.DatetimeIndex(["2026-11-24"]))
    assert rows_of(days) == [{"index": "2026-11-24T00:00:00", "x": 1}]
    assert rows_of(frame.sort_values("total", ascending=False)[["total"]]) == [
        {"total": 6},
        {"total": 5},
        {"total": 4},
    ]


def test_a_series_is_a_table():
    counted = pd.Series(["a", "b", "a"], name="letter").value_counts()
    assert rows_of(counted) == [{"letter": "a", "count": 2}, {"letter": "b", "count": 1}]
    assert rows_of(pl.Series("x", [1, 2])) == [{"x": 1}, {"x": 2}]


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            12,
            "table is an int: pass a list of objects, a list of lists, a dict of columns, a frame",
        ),
        (None, "table is a NoneType: pass"),
        (b"a,b\n", "table is a str: pass"),
        ([1, 2], r"table\[0\] is an int, not a dict"),
        ([{"a": 1}, [2]], r"table\[1\] is a list, not a dict"),
        ([[1], {"a": 2}], r"table\[1\] is a dict, not a list"),
        ({"a": [1, 2], "b": [3]}, "table: column 'b' has 1 cells and 'a' has 2: make them equal."),
        ({"a": 1}, "table: column 'a' is an int: pass a list of its cells."),
        ({"a": "text"}, "table: column 'a' is a str"),
        ({"a": {"0": 1}}, "table: column 'a' is a dict"),
        (
            [["a", "b"], [1]],
            r"table\[1\] has 1 cells and the table has 2 columns: make them equal.",
        ),
        ([[1, 2], [1, 2, 3]], r"table\[1\] has 3 cells"),
        ([{"a": 1, 1.5: 2}], r"table\[0\] has a key of type float"),
        (
            [{"a": open}],
            r"table\[0\].a is a builtin_function_or_method, which JSON cannot represent",
        ),
        (["\ud800"], r"table\[0\] holds a lone surrogate"),
        ((row for row in ROWS), "table is a generator"),
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            "table has two keys that both become 'a': rename one.",
        ),
        (
            pd.DataFrame({"a": [1]}, index=pd.Index([1], name="a")),
            "cannot insert a, already exists: rename the index",
        ),
        (pd.DataFrame({("a", "b"): [1]}), "table has a key of type tuple"),
        (pl.LazyFrame({"a": [1]}), r"table is a polars LazyFrame.*call .collect\(\)"),
        (
            "nowhere.csv",
            r"table: 'nowhere.csv' cannot be read \(No such file or directory\): give the path of a CSV",
        ),
        (Path("/"), "table: '/' cannot be read"),
        ("a\0b", r"table: 'a\\x00b' cannot be read"),
        ("city,wind\nOslo,3\n", "cannot be read"),
        (io.BytesIO(b"caf\xe9"), "The CSV file is not UTF-8 text .byte 0xe9 at 3"),
        (io.StringIO("a,a\n1,2"), "The CSV file: line 1 names 'a' twice"),
    ],
)
def test_what_is_no_table_is_one_sentence(table, sentence):
    with pytest.raises(InvalidArtifact, match=sentence):
        table_payload(table)


@pytest.mark.parametrize(
    "table", [ROWS, {"a": [1]}, pd.DataFrame(ROWS), pl.DataFrame(ROWS), io.StringIO("a\n1\n")]
)
def test_columns_are_those_of_lists(table):
    with pytest.raises(InvalidArtifact, match="this table has names already"):
        table_payload(table, columns=["a"])


@pytest.mark.parametrize("table", [ROWS, [[1, 2]], pd.DataFrame(ROWS), pl.DataFrame(ROWS)])
def test_a_delimiter_is_that_of_a_csv_file(table):
    with pytest.raises(
        InvalidArtifact, match=r"^delimiter belongs to a CSV file, and the table is a "
    ):
        table_payload(table, delimiter=";")
    assert rows_of(io.StringIO("a:b\n1:2\n"), delimiter=":") == [{"a": 1, "b": 2}]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (["a"], r"table\[0\] has 2 cells and the table has 1 columns"),
        (["a", "a"], "two columns are named 'a': rename one."),
        (["a", " "], "column 2 is named ' ': give it a text as its name."),
        (["a", 1], "column 2 is named 1: give it a text as its name."),
    ],
)
def test_columns_that_name_nothing(columns, sentence):
    with pytest.raises(InvalidArtifact, match=sentence):
        table_payload([[1, 2]], columns=columns)


def test_a_column_may_have_any_name():
    frame = pd.DataFrame({"read": [1], "columns": [2], "index": [3], "savefig": [4]})
    assert (
        rows_of(frame) == rows_of(pl.DataFrame(frame.to_dict("list"))) == frame.to_dict("records")
    )


@given(
    st.one_of(
        st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=3), max_size=3),
        st.lists(
            st.lists(st.one_of(st.text(max_size=2), st.none(), st.floats()), max_size=3), max_size=3
        ),
        st.dictionaries(st.text(max_size=3), st.lists(st.booleans(), max_size=2), max_size=3),
    )
)
def test_any_table_is_rows_or_a_sentence(table):
    with contextlib.suppress(InvalidArtifact):
        payload = table_payload(table)
        assert all(isinstance(row, dict) for row in payload["data"])
        assert payload["profile"]["rows"] == len(payload["data"])


def test_what_is_handed_over_is_not_changed():
    cells = [1]
    table = [{"a": cells}]
    table_payload(table)["data"][0]["a"].append(2)
    assert table == [{"a": [1]}]


def test_a_field_of_any_length_is_read():
    assert parse_csv(f"x\n{'a' * 200_000}\n", "a.csv").rows == [{"x": "a" * 200_000}]


# Images


def png(size=(2, 3), mode="RGB"):
    file = io.BytesIO()
    Image.new(mode, size).save(file, "PNG")
    return file.getvalue()


def shown(payload):
    """Open what a data: URI holds; the kind that it names must be what it is."""
    head, _, content = payload["data"]["image"].partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(content, validate=True)))
    image.load()
    assert head == f"data:image/{image.format.lower()}"
    return image


@pytest.mark.parametrize(
    "url",
    [
        "https://a.b/c.png",
        "http://a.b",
        "//a.b/c",
        "s3://bucket/c.png",
        "data:image/png;base64,AAAA",
        "HTTPS://A.B",
    ],
)
def test_a_url_is_kept_as_it_is(url):
    assert image_payload(url) == {"type": "image", "data": {"image": url}}
    assert image_payload(image_url="/static/a.png")["data"] == {"image": "/static/a.png"}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_the_kind_of_a_file_is_told_by_its_first_bytes(tmp_path, kind):
    path = tmp_path / "image.txt"
    Image.new("RGB", (4, 5)).save(path, kind)
    for image in (
        path,
        str(path),
        path.read_bytes(),
        bytearray(path.read_bytes()),
        memoryview(path.read_bytes()),
    ):
        assert shown(image_payload(image)).size == (4, 5)
    with path.open("rb") as file:
        assert shown(image_payload(file)).format == kind


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16", "F", "CMYK", "YCbCr", "HSV"]
)
def test_a_pil_image_of_any_mode_is_png(mode):
    assert shown(image_payload(Image.new(mode, (4, 5)))).format == "PNG"


GREYS = np.linspace(0, 1, 12, dtype="float32").reshape(3, 4)


@pytest.mark.parametrize(
    ("pixels", "mode", "wanted"),
    [
        (GREYS, "L", np.round(GREYS * 255)),
        (GREYS * 255, "L", np.round(GREYS * 255)),
        (GREYS * 0, "L", GREYS * 0),
        ((GREYS * 200).astype("int32"), "L", (GREYS * 200).astype("int32")),
        ((GREYS * 60_000).astype("int32"), "I;16", (GREYS * 60_000).astype("int32")),
        ((GREYS * 200).astype("uint16"), "I;16", (GREYS * 200).astype("uint16")),
        ((GREYS * 60_000).astype(">u2"), "I;16", (GREYS * 60_000).astype("uint16")),
    ],
)
def test_shades_of_grey_keep_their_range(pixels, mode, wanted):
    image = shown(image_payload(Image.fromarray(pixels)))
    assert image.mode in (
        mode,
        mode.partition(";")[0],
    )  # Pillow 10 reads shades of 16 bits as integers
    assert np.abs(np.asarray(image).astype(float) - wanted).max() <= (
        1 if pixels.dtype.kind == "f" else 0
    )


@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (GREYS * 1000, "mode F holds numbers from 0 to 1000: scale them to 0 to 1, or 0 to 255"),
        (GREYS - 1, "mode F holds numbers from -1 to 0"),
        (np.where(GREYS > 0.5, np.float32(np.inf), GREYS), "mode F holds numbers from 0 to inf"),
        (
            np.where(GREYS > 0.5, np.float32(np.nan), GREYS),
            "mode F holds NaN: give these pixels a number",
        ),
        (
            (GREYS * 70_000).astype("int32"),
            "mode I holds numbers from 0 to 70000: scale them to 0 to 255, or 0 to 65535",
        ),
        ((GREYS * -5).astype("int32"), "mode I holds numbers from -5 to 0"),
    ],
)
def test_shades_of_grey_that_an_image_cannot_show_are_refused(pixels, sentence):
    with pytest.raises(InvalidArtifact, match=f"^image: the PIL image of {sentence}"):
        image_payload(Image.fromarray(pixels))


@pytest.mark.parametrize(("mode", "wanted"), [("RGBa", "RGBA"), ("La", "LA"), ("PA", "RGBA")])
def test_transparency_is_kept(mode, wanted):
    solid = Image.new("RGBA", (2, 2), (200, 200, 200, 128))
    if mode == "PA":
        image = Image.new("P", (2, 2))
        image.putpalette([200] * 768)
        image = image.convert("PA")
        image.putalpha(128)
    else:
        image = solid.convert(wanted).convert(mode)
    assert image.mode == mode
    kept = shown(image_payload(image))
    assert kept.mode == wanted
    assert np.abs(np.asarray(kept.convert("RGBA")).astype(int) - np.asarray(solid)).max() <= 1


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "MPO"])
@pytest.mark.parametrize("turned", [1, 3, 6, 8])
def test_a_photo_is_the_right_way_up(format, turned):
    exif = Image.Exif()
    exif[0x0112] = turned
    exif[0x010F] = "a camera"
    upright = Image.new("RGB", (40, 20), "white")
    upright.paste("black", (0, 0, 20, 20))
    file = io.BytesIO()
    upright.save(
        file,
        format,
        exif=exif,
        **({"save_all": True, "append_images": [upright]} if format == "MPO" else {}),
    )
    photo = Image.open(file)
    assert photo.format == format
    wanted = ImageOps.exif_transpose(photo).convert("L")
    seen = shown(image_payload(photo))
    assert seen.format == ("JPEG" if format in ("JPEG", "MPO") else "PNG")
    assert 0x010F not in seen.getexif(), "what else EXIF tells is private"
    kept = ImageOps.exif_transpose(seen).convert("L")
    assert kept.size == wanted.size
    assert np.abs(np.asarray(kept).astype(int) - np.asarray(wanted)).max() < 30


def test_a_photo_stays_jpeg():
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "JPEG", quality=60)
    assert shown(image_payload(Image.open(file))).format == "JPEG"


WAYS = [
    ("PNG", {}),
    ("PNG", {"save_all": True}),
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("GIF", {}),
    ("GIF", {"save_all": True}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {"save_all": True}),
]


@pytest.mark.parametrize(("format", "ways"), WAYS)
@pytest.mark.parametrize("size", [(1, 1), (23, 7)])
def test_an_image_that_is_cut_off_anywhere_is_refused(format, ways, size):
    frames = [Image.effect_noise(size, spread).convert("RGB") for spread in (50, 90)]
    file = io.BytesIO()
    frames[0].save(
        file, format, **ways, **({"append_images": frames[1:]} if "save_all" in ways else {})
    )
    whole = file.getvalue()
    assert shown(image_payload(whole)).size == size
    assert image_payload(whole + b"behind")["type"] == "image"
    for length in range(len(whole)):
        with pytest.raises(
            InvalidArtifact,
            match=r"^image: the bytes is (cut off or damaged \(.*\): save it|not an image)",
        ):
            image_payload(whole[:length])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (png()[:20], r"cut off or damaged \(it ends at byte 20\): save it again"),
        (png().replace(b"IHDR", b"IHDX"), "its first chunk is not its header"),
        (png()[:50] + b"?" + png()[51:], "the checksum of its chunk at byte 33 is wrong"),
        (png()[:33] + png()[-12:], "it holds no pixels"),
        (b"GIF89a", "it ends at byte 6"),
        (b"GIF89a" + bytes(7) + b";", "it holds no pixels"),
        (b"GIF89a" + bytes(8), "byte 13 begins no block"),
        (b"\xff\xd8\xff\xd9", "it holds no pixels"),
        (b"RIFF\x04\0\0\0WEBP", "it holds no pixels"),
    ],
)
def test_an_image_that_is_damaged_says_where(content, sentence):
    with pytest.raises(InvalidArtifact, match=sentence):
        image_payload(content)


def test_figures_and_axes_of_matplotlib():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=50)
    axes = figure.subplots()
    axes.plot([1, 2, 3])
    for image in (figure, axes):
        assert shown(image_payload(image, alt="rising")).size == (100, 50)
    assert image_payload(figure, alt="rising")["data"]["alt"] == "rising"


class Broken:
    def savefig(self, file, format):
        raise RuntimeError("no canvas")


SVG = (
    b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (12, "image is an int: pass a URL, the path of a file, its bytes"),
        (np.zeros((2, 2)), "image is a numpy.ndarray: pass a URL"),
        (b"", "the bytes is not an image: use PNG, JPEG, GIF or WebP"),
        (b"%PDF-1.7", "the bytes is not an image"),
        (b"RIFF\x00\x00\x00\x00WAVE", "the bytes is not an image"),
        (SVG, "the bytes is an SVG, which may hold scripts: save it as PNG"),
        (io.BytesIO(SVG.upper()), "is an SVG"),
        (io.StringIO("text"), "gives text: open the file in binary mode"),
        (
            "nowhere.png",
            r"'nowhere.png' cannot be read \(No such file or directory\): give the path of a file, or a URL",
        ),
        (Path("/"), "cannot be read"),
        ("a\0.png", "cannot be read"),
        (Broken(), r"cannot be written as PNG \(no canvas\)"),
        (None, "Give an image, or else its image_url"),
    ],
)
def test_what_is_no_image_is_one_sentence(image, sentence):
    with pytest.raises(InvalidArtifact, match=sentence):
        image_payload(image)


def test_an_image_is_given_once():
    with pytest.raises(InvalidArtifact, match="one of the two"):
        image_payload("https://a.b", image_url="https://a.b")
    with pytest.raises(InvalidArtifact, match="alt is an int: pass text"):
        image_payload("https://a.b", alt=3)


def test_the_limit_is_exact(tmp_path):
    largest = png().ljust(MAX_IMAGE_BYTES, b"\0")
    path = tmp_path / "large.png"
    path.write_bytes(largest)
    payload = image_payload(path)
    assert shown(payload).size == (2, 3)
    assert image_payload(payload["data"]["image"]) == payload, "its own data: URI is no larger"
    path.write_bytes(largest + b"\0")
    for image in (
        path,
        largest + b"\0",
        io.BytesIO(largest + b"\0"),
        payload["data"]["image"] + "A" * 104,
    ):
        with pytest.raises(
            InvalidArtifact,
            match=r"is larger than the 5 MiB that are kept in a store: make it smaller",
        ):
            image_payload(image)


def test_no_library_is_imported_for_what_it_has_not_made():
    script = (
        "import sys, artifact_store as a; a.table_payload([[1]]); a.image_payload(bytes.fromhex('"
        + png().hex()
        + "'));"
        "assert not {'pandas', 'polars', 'numpy', 'matplotlib', 'PIL'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# Links and texts


@pytest.mark.parametrize(
    "link", ["https://a.b", "mailto:a@b.c", "/relative", "javascript:alert(1)", "", "日本"]
)
def test_any_text_is_a_link(link):
    assert link_payload(link) == {"type": "link", "data": {"link": link}}
    assert link_payload(link, "text")["data"] == {"link": link, "link_text": "text"}


def test_a_url_that_is_an_object_is_its_text():
    assert link_payload(HttpUrl("https://a.b/c"))["data"] == {"link": "https://a.b/c"}


@pytest.mark.parametrize("value", [None, 3, ["a"], b"text", Path("report.md"), {"a": 1}])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(InvalidArtifact, match=r"^markdown is an? .*: pass text\.$"):
        markdown_payload(value)
    with pytest.raises(InvalidArtifact, match="link is a"):
        link_payload(value)
    if value is not None:
        with pytest.raises(InvalidArtifact, match="link_text is a"):
            link_payload("https://a.b", value)


def test_a_text_with_half_a_character_is_refused():
    with pytest.raises(InvalidArtifact, match="markdown holds a lone surrogate"):
        markdown_payload("\ud800")


# Progress


@pytest.mark.parametrize(
    ("progress", "stored"),
    [
        (0, 0),
        (100, 100),
        (12.5, 12.5),
        (np.float32(12.5), 12.5),
        (np.int8(7), 7),
        (Decimal("12.5"), 12.5),
        (Fraction(1, 4), 0.25),
    ],
)
def test_progress(progress, stored):
    data = progress_payload(progress)["data"]
    assert (data, type(data)) == (stored, type(stored))


@pytest.mark.parametrize(
    ("progress", "stored", "told"),
    [
        (101, 100, "progress 101 is outside of 0 to 100: 100 is stored."),
        (-1, 0, "progress -1 is outside of 0 to 100: 0 is stored."),
        (100.5, 100, "progress 100.5 is outside"),
        (float("inf"), 100, "progress inf is outside"),
        (float("-inf"), 0, "progress -inf is outside"),
        (np.float64(1e9), 100, r"progress 1e\+09 is outside"),
        pytest.param(10**5000, 100, r"progress 1e\+18 is outside", id="googol"),
        (Decimal("1e999"), 100, "progress inf is outside"),
    ],
)
def test_progress_beyond_its_ends_is_clamped_with_a_warning(progress, stored, told):
    with pytest.warns(UserWarning, match=told):
        assert progress_payload(progress)["data"] == stored


@pytest.mark.parametrize(
    "progress",
    [
        True,
        np.True_,
        "50",
        None,
        [50],
        5j,
        float("nan"),
        Decimal("nan"),
        Decimal("snan"),
        Fraction(10**400),
        pd.NA,
    ],
)
def test_what_is_no_progress_is_refused(progress):
    with pytest.raises(InvalidArtifact, match=r"^progress.*: pass .* from 0 to 100\.$"):
        progress_payload(progress)


def test_the_warning_names_the_line_of_the_caller():
    with (
        ArtifactStore("sqlite:///:memory:") as store,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        made = store.create_progress_artifact(101)
        store.update_progress_artifact(made, -1)
        progress_payload(101)
    assert [each.filename for each in caught] == [__file__] * 3
    assert len({each.lineno for each in caught}) == 3
