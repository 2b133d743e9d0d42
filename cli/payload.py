"""Reads what the payload options name, and returns the fields of an artifact."""

import io
import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypedDict

import click

__all__ = [
    "ContentOptions",
    "Fields",
    "JsonScalar",
    "parse_json",
    "parse_scalar",
    "read_payload",
    "read_text",
]

JsonScalar = str | int | float | bool | None
Fields = dict[str, Any]  # keyword arguments of ArtifactCreate, each of a type of its own

_PERCENT = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+", re.ASCII)
_URL = re.compile(rb"\s*[A-Za-z][A-Za-z0-9+.-]*:|\s*//")


class ContentOptions(TypedDict):
    """The values of `options.content_options`."""

    table: str | None
    delimiter: str | None
    no_profile: bool
    markdown: str | None
    link: str | None
    link_text: str | None
    image: str | None
    alt: str | None
    progress: str | None
    data: str | None
    type: str | None
    description: str | None
    metadata: tuple[tuple[str, JsonScalar], ...]


def read_text(source: str) -> str:
    """Return the UTF-8 text of a file, or of standard input when the source is `-`."""
    content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        name = "Standard input" if source == "-" else source
        byte = f"byte 0x{content[error.start]:02x} at {error.start}"
        raise click.ClickException(
            f"{name} is not UTF-8 text ({byte}): convert it first."
        ) from None


def read_line(source: str) -> str:
    """Return a short argument, or the line on standard input when the source is `-`."""
    if source == "-":
        return read_text(source).strip()
    return source


def parse_json(source: str, option: str) -> object:
    """Return the value of JSON, which is the argument of an option, in `@FILE`, or on standard input for `-`."""
    text = source
    if source == "-" or source.startswith("@"):
        text = read_text(source.removeprefix("@"))
    try:
        return load_strict(text)
    except RecursionError:
        raise click.UsageError(f"{option} is not JSON: it nests too deep.") from None
    except ValueError as error:
        raise click.UsageError(f"{option} is not JSON: {error}.") from None


def parse_scalar(text: str) -> JsonScalar:
    """Return the JSON scalar that a text is, else the text.

    Examples:
        >>> parse_scalar("3"), parse_scalar('"3"'), parse_scalar("three"), parse_scalar("007")
        (3, '3', 'three', '007')
    """
    try:
        value = load_strict(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, JsonScalar) else text


def load_strict(text: str) -> object:
    """Return the value of JSON, without what Python accepts beyond the standard.

    Raises:
        ValueError: it is not JSON, a number is NaN or infinite, or an object has a name twice.
    """
    value: object = json.loads(
        text,
        parse_constant=refuse_constant,
        parse_float=parse_finite,
        object_pairs_hook=unique_object,
    )
    return value


def parse_finite(text: str) -> float:
    """Return a number, if a float can represent it."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is beyond the numbers that JSON readers know")
    return value


def refuse_constant(name: str) -> None:
    """Refuse `NaN` and `Infinity`, which are not JSON."""
    raise ValueError(f"{name} is no JSON number")


def unique_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object, if no name occurs twice."""
    result: dict[str, object] = {}
    for name, value in pairs:
        if name in result:
            raise ValueError(f"an object has {name!r} twice")
        result[name] = value
    return result


# The payload options


class StandardInput(io.BytesIO):
    """Bytes from standard input, under the name that messages show."""

    name = "Standard input"


def read_table(source: str, options: ContentOptions) -> Fields:
    """Return the fields of a table, from a CSV file."""
    from artifact_store import table_payload

    file = StandardInput(sys.stdin.buffer.read()) if source == "-" else source
    delimiter = options["delimiter"]
    if delimiter in ("tab", r"\t"):
        delimiter = "\t"
    payload = table_payload(file, profile=not options["no_profile"], delimiter=delimiter)
    return {**payload}


def read_markdown(source: str, options: ContentOptions) -> Fields:
    """Return the fields of Markdown, from a file."""
    try:
        text = read_text(source)
    except FileNotFoundError:
        raise click.ClickException(
            f"There is no file {source!r}: --markdown takes the path of a file, or - for standard input."
        ) from None
    return {"type": "markdown", "data": text}


def read_image(source: str, options: ContentOptions) -> Fields:
    """Return the fields of an image, from a file or a URL."""
    from artifact_store import image_payload

    image: bytes | str = source
    if source == "-":
        content = sys.stdin.buffer.read()
        is_url = _URL.match(content)
        image = content.decode("utf-8", "replace").strip() if is_url else content
    if not image:
        raise click.UsageError("--image is empty: give a file or a URL.")
    return {**image_payload(image, alt=options["alt"])}


def read_link(source: str, options: ContentOptions) -> Fields:
    """Return the fields of a link."""
    from artifact_store import link_payload

    url = read_line(source)
    if not url:
        raise click.UsageError("--link is empty: give a URL.")
    return {**link_payload(url, options["link_text"])}


def read_progress(source: str, options: ContentOptions) -> Fields:
    """Return the fields of a progress."""
    from artifact_store import progress_payload

    text = read_line(source)
    value = float(text) if _PERCENT.fullmatch(text) else math.nan
    if not 0 <= value <= 100:
        raise click.UsageError(f"--progress takes a number from 0 to 100, not {text!r}.")
    return {**progress_payload(int(value) if text.isdigit() else value)}


def read_data(source: str, options: ContentOptions) -> Fields:
    """Return the fields of JSON."""
    return {"data": parse_json(source, "--data")}


PayloadOption = Literal["table", "markdown", "link", "image", "progress", "data"]
DetailOption = Literal["no_profile", "delimiter", "link_text", "alt"]

_READERS: dict[PayloadOption, Callable[[str, ContentOptions], Fields]] = {
    "table": read_table,
    "markdown": read_markdown,
    "link": read_link,
    "image": read_image,
    "progress": read_progress,
    "data": read_data,
}
_PAYLOAD_OF: dict[DetailOption, PayloadOption] = {
    "no_profile": "table",
    "delimiter": "table",
    "link_text": "link",
    "alt": "image",
}


def read_payload(options: ContentOptions) -> Fields:
    """Return the fields of the one payload that the options name, none when they name none."""
    sources: dict[PayloadOption, str] = {}
    for name in _READERS:
        source = options[name]
        if source is not None:
            sources[name] = source
    if len(sources) > 1:
        names = " and ".join(f"--{name}" for name in sources)
        raise click.UsageError(f"Give one payload, not {len(sources)}: {names}.")
    for detail, payload in _PAYLOAD_OF.items():
        if options[detail] not in (None, False) and payload not in sources:
            raise click.UsageError(f"--{detail.replace('_', '-')} belongs to --{payload}.")
    for name, source in sources.items():
        return _READERS[name](source, options)
    return {}
