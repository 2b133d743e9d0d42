"""The options that commands share, and the filters that they become."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from . import complete
from .app import url_option
from .complete import Complete
from .payload import parse_json, parse_scalar, read_payload

__all__ = [
    "changes",
    "common_options",
    "content_options",
    "filter_options",
    "filters",
    "form_options",
    "limit_option",
    "sort_option",
    "where_options",
]

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]

SORTS = ("CREATED_DESC", "UPDATED_DESC", "ID_DESC", "KEY_DESC", "KEY_ASC")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_METADATA_HELP = "Metadata; repeatable. 3, 0.5, true and null are JSON, anything else is text, and so is n='\"3\"'."
_IMAGE_HELP = (
    "Image: a PNG, JPEG, GIF or WebP file of up to 5 MiB, which is stored, or a URL; - for standard input. "
    'Stored as {"image": URL}.'
)
_SINCE_HELP = (
    "Updated since: 30m, 12h, 7d or 2w ago, or a date or time (local unless it has a time zone)."
)
_FILTER_HELP = (
    'Filter as JSON, {"metadata": {"ge_": {"days": 30}}}, or one per entity, {"artifacts": {...}, '
    '"flow_runs": {...}, "task_runs": {...}, "flows": {...}, "deployments": {...}, "work_pools": {...}}; '
    "or @FILE; - for standard input."
)


_FORMS = {
    "raw": "Print only the payload: text unchanged, anything else as JSON.",
    "json": "Print one JSON document.",
    "ndjson": "Print one JSON document per line, each as soon as it is read.",
    "csv": "Print CSV with a header line.",
}


if TYPE_CHECKING:
    MomentType = click.ParamType[datetime]
    EntryType = click.ParamType[tuple[str, Any]]
else:
    # Before click 8.4 `ParamType` is not generic.
    MomentType = EntryType = click.ParamType


class Since(MomentType):
    """A time, or how long ago it was."""

    name = "when"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the time, with its zone."""
        try:
            ago = re.fullmatch(r"(\d+)([mhdw])", value, re.ASCII)
            if ago:
                return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
            moment = datetime.fromisoformat(value)
            return moment.astimezone() if moment.tzinfo is None else moment
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"Invalid time {value!r}: expected 30m, 12h, 7d, 2w, 2026-01-31 or 2026-01-31T08:00+01:00.",
                param,
                ctx,
            )


class Entry(EntryType):
    """`NAME=VALUE`; the value is a JSON scalar when it reads as one, else text."""

    name = "name=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Return the name and the value."""
        name, equals, text = value.partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not of the form NAME=VALUE.", param, ctx)
        return name, parse_scalar(text)


def _added(function: F, *options: Decorator) -> F:
    for option in reversed(options):
        function = option(function)
    return function


def _text(name: str, metavar: str, text: str, offered: Complete | None = None) -> Decorator:
    return click.option(name, metavar=metavar, help=text, shell_complete=offered)


def _several(name: str, metavar: str, text: str, offered: Complete | None = None) -> Decorator:
    return click.option(name, multiple=True, metavar=metavar, help=text, shell_complete=offered)


def common_options(function: F) -> F:
    """Add the options that every command takes."""
    return _added(function, _form("json"), url_option)


def _form(name: str) -> Decorator:
    return click.option(f"--{name}", f"as_{name}", is_flag=True, help=_FORMS[name])


def form_options(*names: str) -> Decorator:
    """Add the options that every command takes, with several forms of output; the command gets the chosen `form`."""

    def decorate(function: F) -> Any:
        @wraps(function)
        def with_form(**options: Any) -> Any:
            given = [name for name in names if options.pop(f"as_{name}")]
            if len(given) > 1:
                raise click.UsageError(f"--{' and --'.join(given)} cannot be used together.")
            return function(form=given[0] if given else None, **options)

        return _added(with_form, *map(_form, names), url_option)

    return decorate


def limit_option(default: int, text: str) -> Decorator:
    """Return the option that says how many of something to show."""
    return click.option(
        "--limit",
        type=click.IntRange(min=0),
        default=default,
        show_default=True,
        metavar="N",
        help=text,
    )


def sort_option(default: str, text: str) -> Decorator:
    """Return the option that says in which order."""
    return click.option(
        "--sort",
        type=click.Choice(SORTS, case_sensitive=False),
        default=default,
        show_default=True,
        help=text,
    )


def content_options(function: F) -> F:
    """Add the payload, the type, the description and the metadata of an artifact."""
    return _added(
        function,
        _text(
            "--table",
            "FILE",
            "Table: a CSV file (UTF-8, with a header row); - for standard input.",
            complete.files,
        ),
        _text("--delimiter", "CHAR", "Delimiter of the CSV file, or tab. [default: detected]"),
        click.option(
            "--no-profile", is_flag=True, help="Do not store a profile of the table's columns."
        ),
        _text(
            "--markdown", "FILE", "Markdown: a file (UTF-8); - for standard input.", complete.files
        ),
        _text("--link", "URL", 'Link, stored as {"link": URL}.'),
        _text("--link-text", "TEXT", 'Text of the link, stored as "link_text".'),
        _text("--image", "FILE|URL", _IMAGE_HELP, complete.files),
        _text("--alt", "TEXT", "Alternative text of the image."),
        _text("--progress", "N", "Progress in percent, from 0 to 100."),
        _text("--data", "JSON", "Any JSON value, or @FILE; - for standard input."),
        _text(
            "--type",
            "TYPE",
            "Type of the artifact. [default: the name of the payload option; none with --data]",
            complete.types,
        ),
        _text("--description", "TEXT", "Description, usually Markdown."),
        click.option(
            "--metadata", type=Entry(), multiple=True, metavar="NAME=VALUE", help=_METADATA_HELP
        ),
    )


def changes(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an artifact that the content options set."""
    fields = read_payload(options)
    fields |= {name: options[name] for name in ("type", "description") if options[name] is not None}
    if options["metadata"]:
        names = [name for name, _ in options["metadata"]]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise click.UsageError(f"--metadata gives {twice!r} twice: give it once.")
        fields["metadata"] = dict(options["metadata"])
    return fields


def filter_options(function: F) -> F:
    """Add the filters, and the choice between the latest of each key and all artifacts."""
    every = click.option(
        "--all", "all_versions", is_flag=True, help="Every version, and artifacts without a key."
    )
    return _added(where_options(function), every)


def where_options(function: F) -> F:
    """Add the filters; all that are given must hold."""
    return _added(
        function,
        _several("--key", "KEY", "Only this key; repeat for several.", complete.keys),
        _text(
            "--like",
            "PATTERN",
            "Only keys that contain this, ignoring case; % and _ are wildcards.",
        ),
        _several("--type", "TYPE", "Only this type; repeat for several.", complete.types),
        _several(
            "--flow", "NAME", "Only from runs of this flow; repeat for several.", complete.flows
        ),
        _text("--flow-run", "NAME|ID", "Only from this flow run.", complete.flow_runs),
        _several(
            "--deployment",
            "NAME",
            "Only from runs of this deployment; repeat for several.",
            complete.deployments,
        ),
        _several(
            "--tag",
            "TAG",
            "Only from flow runs with this tag; repeat to require several.",
            complete.tags,
        ),
        click.option("--since", type=Since(), metavar="WHEN", help=_SINCE_HELP),
        _text("--filter", "JSON", _FILTER_HELP),
    )


def filters(options: Mapping[str, Any], *, latest: bool) -> dict[str, Any]:
    """Return the filter arguments of a method that reads artifacts, or the latest of each key."""
    from artifact_store import parse_filters

    result = parse_filters(_by_entity(options), latest=latest)
    if options["filter"] is not None:
        for name, each in parse_filters(
            parse_json(options["filter"], "--filter"), latest=latest
        ).items():
            result[name] = result[name] & each if name in result else each
    return result


def _by_entity(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters that the options stand for, by entity; `None` where no option is set."""
    key = _set(any_=options["key"], like_=options["like"])
    updated = _set(after_=options["since"])
    run = _set(tags=_set(all_=options["tag"])) or {}
    return {
        "artifacts": _set(key=key, type=_set(any_=options["type"]), updated=updated),
        "flow_runs": {**run, **_run(options["flow_run"])} or None,
        "flows": _set(name=_set(any_=options["flow"])),
        "deployments": _set(name=_set(any_=options["deployment"])),
    }


def _set(**fields: Any) -> dict[str, Any] | None:
    """Return the fields that are set, `None` when none is."""
    return {name: value for name, value in fields.items() if value} or None


def _run(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    try:
        return {"id": {"any_": [UUID(name)]}}
    except ValueError:
        return {"name": {"any_": [name]}}
