"""The options that commands share, and the filters that they become."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

from . import complete
from .app import url_option
from .complete import Complete
from .payload import ContentOptions, Fields, JsonScalar, parse_json, parse_scalar, read_payload
from .reading import is_id

__all__ = [
    "Duration",
    "Entry",
    "ExpectedVersion",
    "FilterOptions",
    "Filters",
    "as_of_option",
    "common_options",
    "content_fields",
    "content_options",
    "entries_by_name",
    "filter_options",
    "form_options",
    "limit_option",
    "parse_filter_options",
    "past_filters",
    "repeatable_option",
    "sort_option",
    "text_option",
    "where_options",
]

F = TypeVar("F", bound=Callable[..., object])
Decorator = Callable[[Callable[..., object]], Callable[..., object]]

# Keyword arguments for the store, as `parse_filters` returns them: each name has a type of its own.
Filters = dict[str, Any]

SORTS = ("CREATED_DESC", "UPDATED_DESC", "ID_DESC", "KEY_DESC", "KEY_ASC")
# Repeated here, so that help and completion do not load the SDK; a test compares them.
STATES = (
    "scheduled",
    "pending",
    "running",
    "completed",
    "failed",
    "cancelled",
    "crashed",
    "paused",
    "cancelling",
)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_METADATA_HELP = "Metadata; repeatable. 3, 0.5, true and null are JSON, anything else is text, and so is n='\"3\"'."
_IMAGE_HELP = (
    "Image: a PNG, JPEG, GIF or WebP file of up to 5 MiB, which is stored, or a URL; - for standard input. "
    'Stored as {"image": URL}.'
)
_SINCE_HELP = (
    "Updated since: 30m, 12h, 7d or 2w ago, or a date or time (local unless it has a time zone)."
)
_AS_OF_HELP = (
    "What was the latest then: 90m, 24h, 7d or 2w ago, or a date (its first moment) or time (local unless it has a "
    "time zone)."
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
    "markdown": "Print GitHub-flavoured Markdown, for a pull request or the summary of a CI job.",
    "openlineage": "Print the runs as events of OpenLineage, a list in JSON.",
}


if TYPE_CHECKING:
    DurationParam = click.ParamType[float]
    TimeParam = click.ParamType[datetime]
    EntryParam = click.ParamType[tuple[str, JsonScalar]]
    VersionParam = click.ParamType[int | str]
else:
    # Before click 8.4 `ParamType` is not generic.
    DurationParam = TimeParam = EntryParam = VersionParam = click.ParamType


class FilterOptions(TypedDict):
    """The values of `where_options`."""

    key: tuple[str, ...]
    like: str | None
    type: tuple[str, ...]
    alias: tuple[str, ...]
    flow: tuple[str, ...]
    flow_run: str | None
    state: tuple[str, ...]
    deployment: tuple[str, ...]
    tag: tuple[str, ...]
    since: datetime | None
    filter: str | None


class Since(TimeParam):
    """A time, or how long ago it was."""

    name = "when"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the time, with its zone."""
        text = str(value)
        try:
            ago = re.fullmatch(r"(\d+)([smhdw])", text, re.ASCII)
            if ago:
                unit = _UNITS[ago[2]]
                return datetime.now(UTC) - timedelta(**{unit: int(ago[1])})
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.astimezone()
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"Invalid time {text!r}: expected 30m, 12h, 7d, 2w, 2026-01-31 or 2026-01-31T08:00+01:00.",
                param,
                ctx,
            )
        return moment


class Duration(DurationParam):
    """A number of seconds, `2s`, or of a longer unit, `5m`; a number alone is seconds too."""

    def __init__(self, name: str, least: float, most: float, expected: str) -> None:
        """Take its name, its range in seconds, and what errors say about it."""
        self.name = name
        self._least = least
        self._most = most
        self._expected = expected

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number of seconds."""
        found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([smhdw]?)", str(value), re.ASCII)
        if found:
            unit = timedelta(**{_UNITS[found[2] or "s"]: 1})
            seconds = float(found[1]) * unit.total_seconds()
            if self._least <= seconds <= self._most:
                return seconds
        self.fail(f"Invalid {self.name} {str(value)!r}: expected {self._expected}.", param, ctx)


class Entry(EntryParam):
    """`NAME=VALUE`; the value is a JSON scalar if it can be parsed as one, else text."""

    name = "name=value"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, JsonScalar]:
        """Return the name and the value."""
        name, equals, text = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not of the form NAME=VALUE.", param, ctx)
        return name, parse_scalar(text)


class ExpectedVersion(VersionParam):
    """A version, or `none`."""

    name = "version"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Return the version as an int, or `none`."""
        text = str(value)
        if text != "none" and not re.fullmatch("[1-9][0-9]{0,17}", text):
            self.fail(f"Invalid version {text!r}: expected 1, 2, 3, ... or none.", param, ctx)
        return text if text == "none" else int(text)


def add_options(function: F, *options: Callable[[F], F]) -> F:
    """Add options to the function of a command, in the order in which help shows them."""
    for option in reversed(options):
        function = option(function)
    return function


def text_option(
    name: str, metavar: str, help: str, complete: Complete | None = None
) -> Callable[[F], F]:
    """Return an option that takes text."""
    return click.option(name, metavar=metavar, help=help, shell_complete=complete)


def repeatable_option(
    name: str, metavar: str, help: str, complete: Complete | None = None
) -> Callable[[F], F]:
    """Return an option that takes text, any number of times."""
    return click.option(name, multiple=True, metavar=metavar, help=help, shell_complete=complete)


def common_options(function: F) -> F:
    """Add the options that every command takes."""
    return add_options(function, form_option("json"), url_option)


def form_option(name: str) -> Callable[[F], F]:
    """Return the option for one form of output."""
    return click.option(f"--{name}", f"as_{name}", is_flag=True, help=_FORMS[name])


def form_options(*names: str) -> Decorator:
    """Add the options that every command takes, with several forms of output.

    The function of the command is called with `form`, which is `None` if no form is chosen.
    """

    def decorate(function: Callable[..., object]) -> Callable[..., object]:
        @wraps(function)
        def with_form(**options: object) -> object:
            chosen = [name for name in names if options.pop(f"as_{name}")]
            if len(chosen) > 1:
                raise click.UsageError(f"--{' and --'.join(chosen)} cannot be used together.")
            form = chosen[0] if chosen else None
            return function(form=form, **options)

        forms = [form_option(name) for name in names]
        return add_options(with_form, *forms, url_option)

    return decorate


def as_of_option(function: F) -> F:
    """Add the option for the time at which artifacts were the latest."""
    option = click.option("--as-of", type=Since(), metavar="WHEN", help=_AS_OF_HELP)
    return option(function)


def past_filters(as_of: datetime | None, all_versions: bool) -> Filters:
    """Return the keyword of `--as-of` for the methods that read latest artifacts, if it is given."""
    if as_of is None:
        return {}
    if all_versions:
        raise click.UsageError("--as-of is about the latest version of each key: leave out --all.")
    return {"as_of": as_of}


def limit_option(default: int, help: str) -> Callable[[F], F]:
    """Return the option for the number of items that are shown."""
    return click.option(
        "--limit",
        type=click.IntRange(min=0),
        default=default,
        show_default=True,
        metavar="N",
        help=help,
    )


def sort_option(default: str, help: str) -> Callable[[F], F]:
    """Return the option for the order."""
    return click.option(
        "--sort",
        type=click.Choice(SORTS, case_sensitive=False),
        default=default,
        show_default=True,
        help=help,
    )


def content_options(function: F) -> F:
    """Add the payload, the type, the description and the metadata of an artifact."""
    return add_options(
        function,
        text_option(
            "--table",
            "FILE",
            "Table: a CSV file (UTF-8, with a header row); - for standard input.",
            complete.files,
        ),
        text_option(
            "--delimiter", "CHAR", "Delimiter of the CSV file, or tab. [default: detected]"
        ),
        click.option(
            "--no-profile", is_flag=True, help="Do not store a profile of the table's columns."
        ),
        text_option(
            "--markdown", "FILE", "Markdown: a file (UTF-8); - for standard input.", complete.files
        ),
        text_option("--link", "URL", 'Link, stored as {"link": URL}.'),
        text_option("--link-text", "TEXT", 'Text of the link, stored as "link_text".'),
        text_option("--image", "FILE|URL", _IMAGE_HELP, complete.files),
        text_option("--alt", "TEXT", "Alternative text of the image."),
        text_option("--progress", "N", "Progress in percent, from 0 to 100."),
        text_option("--data", "JSON", "Any JSON value, or @FILE; - for standard input."),
        text_option(
            "--type",
            "TYPE",
            "Type of the artifact. [default: the name of the payload option; none with --data]",
            complete.types,
        ),
        text_option("--description", "TEXT", "Description, usually Markdown."),
        click.option(
            "--metadata", type=Entry(), multiple=True, metavar="NAME=VALUE", help=_METADATA_HELP
        ),
    )


def content_fields(options: ContentOptions) -> Fields:
    """Return the fields of an artifact that the content options set."""
    fields = read_payload(options)
    if options["type"] is not None:
        fields["type"] = options["type"]
    if options["description"] is not None:
        fields["description"] = options["description"]

    metadata = entries_by_name("--metadata", options["metadata"])
    if metadata:
        fields["metadata"] = metadata
    return fields


def entries_by_name(
    option: str, entries: Iterable[tuple[str, JsonScalar]]
) -> dict[str, JsonScalar]:
    """Return the entries of an option as a dict."""
    result: dict[str, JsonScalar] = {}
    for name, value in entries:
        if name in result:
            raise click.UsageError(f"{option} gives {name!r} twice: give it once.")
        result[name] = value
    return result


def filter_options(function: F) -> F:
    """Add the filters, and the choice between the latest of each key and all artifacts."""
    every = click.option(
        "--all", "all_versions", is_flag=True, help="Every version, and artifacts without a key."
    )
    return add_options(where_options(function), every)


def where_options(function: F) -> F:
    """Add the filters; all that are given must hold."""
    return add_options(
        function,
        repeatable_option("--key", "KEY", "Only this key; repeat for several.", complete.keys),
        text_option(
            "--like",
            "PATTERN",
            "Only keys that contain this, ignoring case; % and _ are wildcards.",
        ),
        repeatable_option("--type", "TYPE", "Only this type; repeat for several.", complete.types),
        repeatable_option(
            "--alias",
            "NAME",
            "Only what this alias names; repeat for several.",
            complete.all_aliases,
        ),
        repeatable_option(
            "--flow", "NAME", "Only from runs of this flow; repeat for several.", complete.flows
        ),
        text_option("--flow-run", "NAME|ID", "Only from this flow run.", complete.flow_runs),
        click.option(
            "--state",
            type=click.Choice(STATES, case_sensitive=False),
            multiple=True,
            metavar="STATE",
            help="Only from flow runs in this state, such as failed or crashed; repeat for several.",
        ),
        repeatable_option(
            "--deployment",
            "NAME",
            "Only from runs of this deployment; repeat for several.",
            complete.deployments,
        ),
        repeatable_option(
            "--tag",
            "TAG",
            "Only from flow runs with this tag; repeat to require several.",
            complete.tags,
        ),
        click.option("--since", type=Since(), metavar="WHEN", help=_SINCE_HELP),
        text_option("--filter", "JSON", _FILTER_HELP),
    )


def parse_filter_options(options: FilterOptions, *, latest: bool) -> Filters:
    """Return the filters that the options of a command stand for.

    Args:
        options: the values of `where_options`.
        latest: whether they are for a method that reads the latest artifact of each key.

    Returns:
        Keyword arguments for a method of the store.
    """
    from artifact_store import parse_filters

    if "latest" in options["alias"]:
        raise click.UsageError("'latest' is not an alias: it always names the latest version.")
    result = parse_filters(filters_by_entity(options), latest=latest)
    if options["filter"] is None:
        return result
    value = parse_json(options["filter"], "--filter")
    for name, each in parse_filters(value, latest=latest).items():
        result[name] = result[name] & each if name in result else each
    return result


def filters_by_entity(options: FilterOptions) -> dict[str, object]:
    """Return the filters that the options stand for, by entity; `None` where no option is set."""
    state_type = set_fields(any_=options["state"])
    flow_run = set_fields(
        tags=set_fields(all_=options["tag"]),
        state=set_fields(type=state_type),
        **run_field(options["flow_run"]),
    )
    return {
        "artifacts": set_fields(
            key=set_fields(any_=options["key"], like_=options["like"]),
            type=set_fields(any_=options["type"]),
            alias=set_fields(any_=options["alias"]),
            updated=set_fields(after_=options["since"]),
        ),
        "flow_runs": flow_run,
        "flows": set_fields(name=set_fields(any_=options["flow"])),
        "deployments": set_fields(name=set_fields(any_=options["deployment"])),
    }


def set_fields(**fields: object) -> dict[str, object] | None:
    """Return the fields that are set, `None` if none is."""
    result = {name: value for name, value in fields.items() if value}
    return result or None


def run_field(name: str | None) -> dict[str, object]:
    """Return the field of a filter that finds a flow run by its id or its name."""
    if name is None:
        return {}
    return {"id" if is_id(name) else "name": {"any_": [name]}}
