"""Payloads: tables, images, links, texts and progress as the fields of an artifact.

Each function takes what a job has in its hands and returns the fields of an artifact. Frames are known by what
they are; neither pandas nor polars is imported.
"""

import math
import os
import sys
import warnings
from collections.abc import Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, NotRequired, TypedDict

from ..callers import outside
from ..errors import InvalidArtifact
from ..jsonable.encoders import names_of, type_name
from ..jsonable.normalize import normalize_data, normalize_with_text
from ..payloads import images
from ..tables.csv import read_csv
from ..tables.profile import profile_table
from ..tables.rows import Table, column_names, from_columns, from_lists
from ..wording import shown, with_article

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
    """What is published, as fields of an `ArtifactCreate` or of an `ArtifactUpdate`.

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
    table: Any,
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
            - a pandas or polars frame or series. An index that says something (it has a name, or holds anything but
              integers) becomes the first columns;
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
        InvalidArtifact: it is not a table, its rows or columns differ in length, a name comes twice, or a cell cannot
            be said in JSON; the sentence names the place.

    Examples:
        >>> table_payload({"city": ["Oslo", "Rome"], "wind": [3, 5]}, profile=False)
        {'type': 'table', 'data': [{'city': 'Oslo', 'wind': 3}, {'city': 'Rome', 'wind': 5}]}
        >>> table_payload([["city", "wind"], ["Oslo", 3]])["data"]
        [{'city': 'Oslo', 'wind': 3}]
        >>> table_payload({"city": ["Oslo", "Rome"], "wind": [3]})
        Traceback (most recent call last):
        ...
        artifact_store.errors.InvalidArtifact: table: column 'wind' has 1 cells and 'city' has 2: make them equal.
    """
    names, rows = _table(table, columns, delimiter)
    payload: Payload = {"type": "table", "data": rows}
    if profile:
        payload["profile"] = dict(profile_table(rows, names))
    return payload


def _table(table: Any, columns: Sequence[str] | None, delimiter: str | None) -> Table:
    frame = _frame(table)  # first, since a column may be named `read`
    if frame is None and (isinstance(table, str | os.PathLike) or hasattr(table, "read")):
        parsed = read_csv(table, delimiter)
    elif delimiter is not None:
        kind = with_article(type_name(table))
        raise InvalidArtifact(
            f"delimiter belongs to a CSV file, and the table is {kind}: leave it out."
        )
    elif frame is not None:
        rows: Any = normalize_data(
            frame, "table"
        )  # before its names, since it says what is wrong with them
        parsed = Table(names_of(frame.columns), rows)
    else:
        _check_indexes(table)
        # Names that rows carry are kept, unless others are given.
        plain = normalize_with_text(table, "table", table=columns is None)[0]
        return _from_plain(plain, columns)
    if columns is not None:
        raise _named_already()
    return parsed


def _check_indexes(table: Any) -> None:
    """Refuse columns that are pandas series of other rows: pandas would not put them side by side.

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
            differ = f"columns {first!r:.80} and {name!r:.80} are series with different indexes"
            raise InvalidArtifact(
                f"table: {differ}: make a frame of them, or call reset_index(drop=True) on each."
            )


def _from_plain(plain: Any, columns: Sequence[str] | None) -> Table:
    """Return the table that plain JSON is."""
    if isinstance(plain, list) and all(isinstance(row, list) for row in plain):
        return from_lists(plain, None if columns is None else _check_names(columns), "table")
    if columns is not None:
        raise _named_already()
    if isinstance(plain, dict):
        return from_columns(plain, "table")
    if not isinstance(plain, list):
        raise InvalidArtifact(f"table is {with_article(type_name(plain))}: pass {_FORMS}.")
    kind = list if isinstance(plain[0], list) else dict
    for place, row in enumerate(plain):
        if not isinstance(row, kind):
            raise InvalidArtifact(
                f"table[{place}] is {with_article(type_name(row))}, not a {kind.__name__}: a table is {_FORMS}."
            )
    return Table(column_names(plain), plain)


def _named_already() -> InvalidArtifact:
    return InvalidArtifact(
        "columns names those of a list of lists, and this table has names already: leave it out."
    )


def _check_names(columns: Sequence[Any]) -> list[str]:
    """Return names for columns; none may be blank, and none come twice."""
    names = list(columns)
    for place, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise InvalidArtifact(
                f"table: column {place + 1} is named {shown(name)}: give it a text as its name."
            )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidArtifact(f"table: two columns are named {shown(twice)}: rename one.")
    return names


def _frame(table: Any) -> Any:
    """Return the frame that a frame or series of pandas or polars is, with its index, `None` for anything else."""
    kinds = {f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in type(table).__mro__}
    if kinds & {"pandas.Series", "polars.Series"}:
        # A nameless series of polars has the name "", one of pandas becomes 0.
        table = table.to_frame("0") if table.name == "" else table.to_frame()
    elif not kinds & {"pandas.DataFrame", "polars.DataFrame"}:
        return None
    if not hasattr(table, "index") or not _says_something(table.index):  # those of polars have none
        return table
    try:
        return table.reset_index()
    except (ValueError, TypeError) as error:  # a column has the name of the index
        raise InvalidArtifact(
            f"table: {error}: rename the index, or drop it with reset_index(drop=True)."
        ) from error


def _says_something(index: Any) -> bool:
    return (
        any(name is not None for name in index.names)
        or index.nlevels > 1
        or index.dtype.kind not in "iu"
    )


# --- Images, links, texts, progress ---


def image_payload(
    image: Any = None, *, alt: str | None = None, image_url: str | None = None
) -> Payload:
    """Return an image as fields of an artifact.

    Args:
        image: a URL; or what is kept inside the store as a `data:` URI, up to 5 MiB: the path of a PNG, JPEG, GIF or
            WebP file (told by its first bytes, not by its name), its bytes, an open binary file, a matplotlib figure
            or axes, or a PIL image. A text without a scheme such as `https:` is a path.
        alt: what the image shows, in words, for those who do not see it.
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
    data = {
        "image": images.url_of(image)
        if image_url is None
        else images.bounded(_text(image_url, "image_url"))
    }
    if alt is not None:
        data["alt"] = _text(alt, "alt")
    return {"type": "image", "data": data}


def link_payload(link: Any, link_text: Any = None) -> Payload:
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
    data = {"link": _text(link, "link")}
    if link_text is not None:
        data["link_text"] = _text(link_text, "link_text")
    return {"type": "link", "data": data}


def markdown_payload(markdown: Any) -> Payload:
    """Return a Markdown text as fields of an artifact."""
    return {"type": "markdown", "data": _text(markdown, "markdown")}


def _text(value: Any, name: str) -> str:
    """Return a text, or an object that says itself as one, such as a URL of pydantic."""
    plain = (
        None
        if isinstance(value, bytes | bytearray | memoryview | os.PathLike)
        else normalize_data(value, name)
    )
    if not isinstance(plain, str):
        raise InvalidArtifact(f"{name} is {with_article(type_name(value))}: pass text.")
    return plain


def progress_payload(progress: Any) -> Payload:
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
        raise InvalidArtifact(
            f"progress: {shown(progress)} is not a number: pass one from 0 to 100."
        )
    try:
        number = int(progress) if isinstance(progress, Integral) else float(progress)
    except (ValueError, OverflowError):  # a signaling NaN, a fraction beyond all floats
        number = math.nan
    if isinstance(number, float) and math.isnan(number):
        raise InvalidArtifact("progress is not a number (NaN): pass a number from 0 to 100.")
    if not 0 <= number <= 100:
        clamped = 0 if number < 0 else 100
        near = number if isinstance(number, float) else min(max(number, -(10**18)), 10**18)
        sentence = f"progress {near:g} is outside of 0 to 100: {clamped} is stored."
        warnings.warn(sentence, UserWarning, stacklevel=outside())
        number = clamped
    return {"type": "progress", "data": number}
