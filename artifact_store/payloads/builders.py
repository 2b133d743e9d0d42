"""Payloads: tables, images, links, texts and progress as the fields of an artifact.

Each function takes values as jobs have them and returns the fields of an artifact. Neither pandas nor polars is
imported: their frames are recognised by the names of their classes.
"""

import math
import os
import sys
import warnings
from collections.abc import Collection, Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, TypedDict

from ..callers import outside
from ..errors import InvalidArtifact
from ..jsonable.encoders import names_of, type_name
from ..jsonable.normalize import normalize_data, normalize_with_text
from ..tables.csv import read_csv
from ..tables.profile import profile_table
from ..tables.rows import Table, column_names, from_columns, from_lists
from ..wording import shown, with_article
from . import images

if TYPE_CHECKING:
    from ..jsonable.protocols import NumpyType

__all__ = [
    "Payload",
    "image_payload",
    "link_payload",
    "markdown_payload",
    "progress_payload",
    "table_payload",
]

_FORMS = "a list of objects, a list of lists, a dict of columns, a frame, or the path of a CSV file"


class Payload(TypedDict):
    """Fields of an `ArtifactCreate` or an `ArtifactUpdate`, as the payload functions return them.

    Attributes:
        type: `table`, `image`, `link`, `markdown` or `progress`.
        data: the plain data.
        profile: what the columns of a table hold.
    """

    type: str
    data: Any
    profile: NotRequired[dict[str, Any]]


# --- Tables ---


def table_payload(
    table: object,
    *,
    columns: Sequence[str] | None = None,
    profile: bool = True,
    delimiter: str | None = None,
) -> Payload:
    r"""Return a table as fields of an artifact, for `ArtifactCreate(key=…, **fields)` and bulk creates.

    Args:
        table: one of

            - a list of objects (dicts, dataclasses, pydantic models): the rows;
            - a dict of columns: a list of cells by name, all of one length;
            - a list of lists: the rows, all of one length. The first row names the columns when its cells are texts
              that differ, none of them blank; otherwise they are named `0`, `1`, …, unless `columns` names them;
            - a list of pandas series, the rows of a frame, or a list of polars series, its columns;
            - a pandas or polars frame or series. An index that has a name, or holds anything but integers, becomes the
              first columns;
            - the path of a CSV file, or an open file: its first line names the columns. A column becomes numbers
              where every cell of it is a number; codes such as `00123` stay text, empty cells are null. A first
              column without a name, as pandas writes an index, is called `index`.
        columns: the names of the columns of a list of lists, whose rows are all data then.
        profile: whether the profile of the columns is computed.
        delimiter: the character between the cells of a CSV file; without it, the one of `,`, tab, `;` and `|` that
            fits.

    Returns:
        `type`, `data` (a list of row objects) and `profile`.

    Raises:
        InvalidArtifact: it is not a table, its rows or columns differ in length, a name occurs twice, or a cell cannot
            become JSON; the message names the row and column.

    Examples:
        >>> table_payload({"city": ["Oslo", "Rome"], "wind": [3, 5]}, profile=False)
        {'type': 'table', 'data': [{'city': 'Oslo', 'wind': 3}, {'city': 'Rome', 'wind': 5}]}
        >>> table_payload([["city", "wind"], ["Oslo", 3]])["data"]
        [{'city': 'Oslo', 'wind': 3}]
        >>> table_payload({"city": ["Oslo", "Rome"], "wind": [3]})
        Traceback (most recent call last):
        ...
        artifact_store.errors.InvalidArtifact: table: column 'wind' has 1 cell and 'city' has 2: make them equal.
    """
    names, rows = parse_table(table, columns, delimiter)
    payload: Payload = {"type": "table", "data": rows}
    if profile:
        payload["profile"] = dict(profile_table(rows, names))
    return payload


def parse_table(table: object, columns: Sequence[str] | None, delimiter: str | None) -> Table:
    """Return the columns and the rows of what `table_payload` takes."""
    frame = frame_of(table)  # before `read`, which may be the name of a column
    is_file = frame is None and (isinstance(table, str | os.PathLike) or hasattr(table, "read"))
    if delimiter is not None and not is_file:
        kind = with_article(type_name(table))
        problem = f"delimiter belongs to a CSV file, and the table is {kind}"
        raise InvalidArtifact(f"{problem}: leave it out.")

    if is_file:
        parsed = read_csv(table, delimiter)
    elif frame is not None:
        rows = normalize_data(frame, "table")  # before the names, since its errors tell more
        assert isinstance(rows, list)
        parsed = Table(names_of(frame.columns), rows)
    else:
        check_indexes(table)
        # The names that rows carry are kept, unless `columns` names them.
        plain, _ = normalize_with_text(table, "table", table=columns is None)
        return parse_json_table(plain, columns)
    if columns is not None:
        raise _named_already()
    return parsed


def parse_json_table(plain: object, columns: Sequence[str] | None) -> Table:
    """Return the columns and the rows of plain JSON."""
    if isinstance(plain, list) and all(isinstance(row, list) for row in plain):
        names = None if columns is None else check_names(columns)
        return from_lists(plain, names, "table")
    if columns is not None:
        raise _named_already()
    if isinstance(plain, dict):
        return from_columns(plain, "table")
    if not isinstance(plain, list):
        raise InvalidArtifact(f"table is {with_article(type_name(plain))}: pass {_FORMS}.")

    kind = list if isinstance(plain[0], list) else dict
    for index, row in enumerate(plain):
        if not isinstance(row, kind):
            problem = f"table[{index}] is {with_article(type_name(row))}, not a {kind.__name__}"
            raise InvalidArtifact(f"{problem}: a table is {_FORMS}.")
    return Table(column_names(plain), plain)


def _named_already() -> InvalidArtifact:
    problem = "columns names those of a list of lists, and this table has names already"
    return InvalidArtifact(f"{problem}: leave it out.")


def check_names(columns: Sequence[object]) -> list[str]:
    """Return names for columns, of which none is blank and none occurs twice.

    Raises:
        InvalidArtifact: one is not a text, is blank, or occurs twice.
    """
    names: list[str] = []
    for number, name in enumerate(columns, 1):
        if not isinstance(name, str) or not name.strip():
            problem = f"table: column {number} is named {shown(name)}"
            raise InvalidArtifact(f"{problem}: give it a text as its name.")
        names.append(name)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidArtifact(f"table: two columns are named {shown(twice)}: rename one.")
    return names


# --- pandas and polars ---


class Frame(Protocol):
    """A frame of pandas or polars."""

    @property
    def columns(self) -> Collection[object]:
        """The labels of the columns."""
        ...


class PandasIndex(Protocol):
    """A `pandas.Index`."""

    dtype: "NumpyType"
    names: Sequence[object]
    nlevels: int


def frame_of(table: object) -> Frame | None:
    """Return a frame or a series of pandas or polars as a frame, with its index as columns, and None for other values.

    Raises:
        InvalidArtifact: the index has the name of a column.
    """
    bases = type(table).__mro__
    kinds = {f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in bases}
    frame: Any = table
    if kinds & {"pandas.Series", "polars.Series"}:
        # A series of polars without a name is named "", and one of pandas would become 0.
        frame = frame.to_frame("0") if frame.name == "" else frame.to_frame()
    elif not kinds & {"pandas.DataFrame", "polars.DataFrame"}:
        return None

    # Frames of polars have no index.
    if hasattr(frame, "index") and is_meaningful(frame.index):
        try:
            frame = frame.reset_index()
        except (ValueError, TypeError) as error:
            remedy = "rename the index, or drop it with reset_index(drop=True)"
            raise InvalidArtifact(f"table: {error}: {remedy}.") from error
    plain: Frame = frame
    return plain


def is_meaningful(index: PandasIndex) -> bool:
    """Tell whether an index is more than the numbers of the rows."""
    has_name = any(name is not None for name in index.names)
    return has_name or index.nlevels > 1 or index.dtype.kind not in "iu"


def check_indexes(table: object) -> None:
    """Refuse columns that are pandas series of other rows, which pandas would not put side by side.

    Raises:
        InvalidArtifact: two series have different indexes.
    """
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(table, dict):
        return
    series = {name: column for name, column in table.items() if isinstance(column, pandas.Series)}
    first = next(iter(series), None)
    for name, column in series.items():
        if not column.index.equals(series[first].index):
            problem = f"columns {first!r:.80} and {name!r:.80} are series with different indexes"
            remedy = "make a frame of them, or call reset_index(drop=True) on each"
            raise InvalidArtifact(f"table: {problem}: {remedy}.")


# --- Images, links, texts, progress ---


def image_payload(
    image: object = None, *, alt: str | None = None, image_url: str | None = None
) -> Payload:
    """Return an image as fields of an artifact.

    Args:
        image: a URL; or an image of up to 5 MiB that is kept in the store as a `data:` URI: the path of a PNG, JPEG,
            GIF or WebP file (recognised by its content, not by its name), its bytes, an open binary file, a
            matplotlib figure or axes, or a PIL image. A text without a scheme such as `https:` is a path.
        alt: what the image shows, in words, for readers who cannot see it.
        image_url: a URL, relative ones too, in the place of `image`.

    Returns:
        `type` and `data`: an object with `image`, the URL or `data:` URI, and `alt` where it was given.

    Raises:
        InvalidArtifact: it is not such an image, cannot be read, or is too large. An SVG file is refused, since it may
            hold scripts; its URL is not.

    Examples:
        >>> image_payload("https://example.com/plot.png", alt="Sales by region")
        {'type': 'image', 'data': {'image': 'https://example.com/plot.png', 'alt': 'Sales by region'}}
    """
    if (image is None) == (image_url is None):
        raise InvalidArtifact("Give an image, or else its image_url: one of the two.")
    if image_url is not None:
        data = {"image": images.check_size(as_text(image_url, "image_url"))}
    else:
        data = {"image": images.url_of(image)}
    if alt is not None:
        data["alt"] = as_text(alt, "alt")
    return {"type": "image", "data": data}


def link_payload(link: object, link_text: object = None) -> Payload:
    """Return a link as fields of an artifact, for `ArtifactCreate(key=…, **fields)` and bulk creates.

    Args:
        link: the URL. Any text is stored; pages link to `http`, `https`, `mailto` and relative URLs only.
        link_text: what to show for it; by default the URL itself.

    Returns:
        `type` and `data` (`{"link": …, "link_text": …}`).

    Raises:
        InvalidArtifact: one of them is not text.

    Examples:
        >>> link_payload("https://example.com", "Example")["data"]
        {'link': 'https://example.com', 'link_text': 'Example'}
    """
    data = {"link": as_text(link, "link")}
    if link_text is not None:
        data["link_text"] = as_text(link_text, "link_text")
    return {"type": "link", "data": data}


def markdown_payload(markdown: object) -> Payload:
    """Return a Markdown text as fields of an artifact."""
    return {"type": "markdown", "data": as_text(markdown, "markdown")}


def as_text(value: object, name: str) -> str:
    """Return a text, or a value that becomes text in JSON, such as a URL of pydantic.

    Raises:
        InvalidArtifact: it is anything else, bytes and paths included.
    """
    plain = None
    if not isinstance(value, bytes | bytearray | memoryview | os.PathLike):
        plain = normalize_data(value, name)
    if not isinstance(plain, str):
        raise InvalidArtifact(f"{name} is {with_article(type_name(value))}: pass text.")
    return plain


def progress_payload(progress: object) -> Payload:
    """Return a progress as fields of an artifact, for `ArtifactCreate(key=…, **fields)` and bulk creates.

    Args:
        progress: percent, from 0 to 100; below or above it is clamped, with a `UserWarning`.

    Returns:
        `type` and `data` (the number).

    Raises:
        InvalidArtifact: it is NaN, or not a number.

    Examples:
        >>> progress_payload(12.5)
        {'type': 'progress', 'data': 12.5}
    """
    if isinstance(progress, bool) or not isinstance(progress, Real | Decimal):
        problem = f"progress: {shown(progress)} is not a number"
        raise InvalidArtifact(f"{problem}: pass one from 0 to 100.")
    try:
        number = int(progress) if isinstance(progress, Integral) else float(progress)
    except (ValueError, OverflowError):  # a signaling NaN, or a fraction beyond all floats
        number = math.nan
    if isinstance(number, float) and math.isnan(number):
        raise InvalidArtifact("progress is not a number (NaN): pass a number from 0 to 100.")
    if not 0 <= number <= 100:
        clamped = 0 if number < 0 else 100
        # An integer of any size cannot be formatted as a float.
        near = number if isinstance(number, float) else min(max(number, -(10**18)), 10**18)
        message = f"progress {near:g} is outside of 0 to 100: {clamped} is stored."
        warnings.warn(message, UserWarning, stacklevel=outside())
        number = clamped
    return {"type": "progress", "data": number}
