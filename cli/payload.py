"""Turns what the payload options name into fields of an artifact."""

import io
import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

__all__ = ["parse_json", "parse_scalar", "read_payload", "read_text"]

_PERCENT = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+", re.ASCII)
_URL = re.compile(rb"\s*[A-Za-z][A-Za-z0-9+.-]*:|\s*//")

Fields = dict[str, Any]


def read_text(source: str) -> str:
    """Return the UTF-8 text of a file, or of standard input when the source is `-`."""
    content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"byte 0x{content[error.start]:02x} at {error.start}"
        raise click.ClickException(
            f"{_named(source)} is not UTF-8 text ({where}): convert it first."
        ) from None


def parse_json(source: str, option: str) -> Any:
    """Return the value of JSON that was given as text, as `@FILE`, or as `-`."""
    text = (
        read_text(source.removeprefix("@")) if source == "-" or source.startswith("@") else source
    )
    try:
        return _loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it nests too deep" if isinstance(error, RecursionError) else error
        raise click.UsageError(f"{option} is not JSON: {reason}.") from None


def parse_scalar(text: str) -> Any:
    """Return the JSON scalar that a text is, else the text.

    Examples:
        >>> parse_scalar("3"), parse_scalar('"3"'), parse_scalar("three"), parse_scalar("007")
        (3, '3', 'three', '007')
    """
    try:
        value = _loads(text)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, dict | list) else value


def _loads(text: str) -> Any:
    return json.loads(
        text, parse_constant=_no_constant, parse_float=_float, object_pairs_hook=_object
    )


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is beyond the numbers that JSON readers know")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"an object has {next(name for name in names if names.count(name) > 1)!r} twice"
        )
    return result


def _named(source: str) -> str:
    return "Standard input" if source == "-" else source


def _line(source: str) -> str:
    """Return a short argument, or the line on standard input."""
    return read_text(source).strip() if source == "-" else source


class _StandardInput(io.BytesIO):
    name = "Standard input"


def _table(source: str, options: Mapping[str, Any]) -> Fields:
    from artifact_store import table_payload

    table = _StandardInput(sys.stdin.buffer.read()) if source == "-" else source
    delimiter = options["delimiter"]
    if delimiter in ("tab", r"\t"):
        delimiter = "\t"
    return {**table_payload(table, profile=not options["no_profile"], delimiter=delimiter)}


def _image(source: str, options: Mapping[str, Any]) -> Fields:
    from artifact_store import image_payload

    image: bytes | str = sys.stdin.buffer.read() if source == "-" else source
    if isinstance(image, bytes) and _URL.match(image):
        image = image.decode("utf-8", "replace").strip()
    if not image:
        raise click.UsageError("--image is empty: give a file or a URL.")
    return {**image_payload(image, alt=options["alt"])}


def _link(source: str, options: Mapping[str, Any]) -> Fields:
    from artifact_store import link_payload

    url = _line(source)
    if not url:
        raise click.UsageError("--link is empty: give a URL.")
    return {**link_payload(url, options["link_text"])}


def _progress(source: str, options: Mapping[str, Any]) -> Fields:
    from artifact_store import progress_payload

    text = _line(source)
    value = float(text) if _PERCENT.fullmatch(text) else math.nan
    if not 0 <= value <= 100:
        raise click.UsageError(f"--progress takes a number from 0 to 100, not {text!r}.")
    return {**progress_payload(int(value) if text.isdigit() else value)}


_READERS: dict[str, Callable[[str, Mapping[str, Any]], Fields]] = {
    "table": _table,
    "markdown": lambda source, options: {"type": "markdown", "data": read_text(source)},
    "link": _link,
    "image": _image,
    "progress": _progress,
    "data": lambda source, options: {"data": parse_json(source, "--data")},
}
_BELONGS = {"no_profile": "table", "delimiter": "table", "link_text": "link", "alt": "image"}


def read_payload(options: Mapping[str, Any]) -> Fields:
    """Return the fields of the one payload that the options name, none when they name none."""
    given = [name for name in _READERS if options[name] is not None]
    if len(given) > 1:
        raise click.UsageError(f"Give one payload, not {len(given)}: --{' and --'.join(given)}.")
    for name, payload in _BELONGS.items():
        if options[name] not in (None, False) and given != [payload]:
            raise click.UsageError(f"--{name.replace('_', '-')} belongs to --{payload}.")
    return _READERS[given[0]](options[given[0]], options) if given else {}
