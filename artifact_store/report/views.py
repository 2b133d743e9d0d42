"""What the report shows, as HTML: a row of the overview, one version of an artifact, the history of a key."""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from ..rendering import blocks
from ..rendering.context import Point, Run, ref_of
from ..rendering.html import blocks_to_html
from ..rendering.markup import Html, element, escape, join
from ..rendering.plot import line_plot
from ..rendering.renderers import render
from ..rendering.text import (
    cell_text,
    escape_controls,
    missing,
    moment_text,
    number_text,
    short_number,
)
from ..schemas.artifacts import Artifact
from .history import History, Made

__all__ = ["history_html", "row_html", "saved_as", "version_html"]

_SPARK_WIDTH, _SPARK_HEIGHT = 88, 24
_MAX_ABOUT = 160  # characters of a description in the overview
_MAX_LINE = 1_000
_MAX_FACTS = 200

Fact = tuple[str, str]  # a name and a value, each of them text or HTML


def _line(value: object) -> str:
    """Return a value as one short line of text."""
    return escape_controls(cell_text(str(value), _MAX_LINE))


def _time(moment: datetime, *, ages: bool = False) -> Html:
    """Return a time; with `ages` the script says how long ago it is instead, and keeps the time as a tooltip."""
    machine = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return element("time", moment_text(moment), datetime=machine, data_age=ages)


def _muted(text: str) -> Html:
    return element("span", text, class_="muted")


def _blocks(*many: blocks.Block) -> Html:
    return element("div", blocks_to_html(many, external_images=False), class_="artifact-store")


# Overview


def row_html(number: int, history: History) -> Html:
    """Return the row of a key: what it holds, its trend, its age, and who made it."""
    latest = history.latest
    made = history.made[latest.id]
    cells = [
        _key_cell(latest),
        element("td", _type(latest.type), role="cell", class_="c-type"),
        element("td", _trend(history), role="cell", class_="c-trend"),
        element("td", f"@{latest.version}", role="cell", class_="c-version number"),
        element("td", _time(latest.updated, ages=True), role="cell", class_="c-age"),
        element("td", *_run(made), role="cell", class_="run"),
    ]
    row = element(
        "tr",
        *cells,
        role="row",
        data_key=_line(latest.key),
        data_type=_line(latest.type or ""),
        data_flow=_line(made.flow.name if made.flow else ""),
        data_run=_line(_run_name(made)),
        data_version=latest.version,
        data_updated=f"{latest.updated.timestamp():.6f}",
        data_n=number,
    )
    return join([row, Html("\n")])


def _key_cell(latest: Artifact) -> Html:
    """Return the key as a link, above the beginning of the description."""
    link = element("a", _line(latest.key), href=f"#{latest.key or ''}")
    words = (latest.description or "")[:_MAX_LINE].replace("**", "").replace("`", "").split()
    about = _line(" ".join(words)[:_MAX_ABOUT])
    return element(
        "th",
        link,
        element("span", about, class_="about") if about else None,
        scope="row",
        role="rowheader",
        class_="key",
    )


def _type(name: str | None) -> Html | None:
    return element("span", _line(name), class_="type") if name else None


def _run_name(made: Made) -> str:
    if made.flow_run is not None:
        return made.flow_run.name
    return str(made.flow_run_id or "")


def _run(made: Made) -> list[Html]:
    """Return the flow above its run, or the run alone."""
    run = _line(_run_name(made))
    if made.flow is None:
        return [element("span", run)] if run else []
    return [element("span", _line(made.flow.name)), _muted(run)]


def _trend(history: History) -> Html | None:
    """Return the default number of a key: its line, and its newest value in words."""
    if not history.series:
        return None
    field, points = next(iter(history.series.items()))
    values = [point.value for point in points if math.isfinite(point.value)]
    if not values or (len(values) == 1 and field != "data"):
        return None

    name = field.removeprefix("metadata.").removeprefix("data.")
    label = _muted(_line(name)) if name != "data" else None
    figure = element("span", short_number(values[-1]), label, class_="number")
    return element("span", _sparkline(values) if len(values) > 1 else None, figure, class_="trend")


def _sparkline(values: Sequence[float]) -> Html:
    low, high = min(values), max(values)
    span = high / 2 - low / 2  # halves, since the difference may be more than a float can hold
    step = (_SPARK_WIDTH - 6) / (len(values) - 1)

    positions = []
    for number, value in enumerate(values):
        share = (value / 2 - low / 2) / span if span else 0.5
        positions.append((3 + step * number, _SPARK_HEIGHT - 3 - (_SPARK_HEIGHT - 6) * share))

    x, y = positions[-1]
    return element(
        "svg",
        element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in positions)),
        element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.2"),
        class_="spark",
        viewBox=f"0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}",
        aria_hidden="true",
    )


# One version


def version_html(number: int, artifact: Artifact, history: History, changes: Sequence[str]) -> Html:
    """Return what is shown when a version is opened; the script puts the history of its key into the empty elements."""
    content = element(
        "section",
        element("h2", "Content", id="_content", class_="visually-hidden"),
        _blocks(*render(artifact)),
        class_="card content",
        aria_labelledby="_content",
    )
    rest = element(
        "div", element("div", class_="versions-of"), *_details(artifact, history), class_="rest"
    )
    return join(
        [
            element("p", element("a", "All artifacts", href="#"), class_="crumbs"),
            _head(artifact, history),
            _strip(number, artifact, history),
            _changes(history.previous(artifact), changes),
            element("div", element("div", class_="trends"), content, rest, class_="columns"),
            _readback(ref_of(artifact)),
        ]
    )


def _head(artifact: Artifact, history: History) -> Html:
    """Return the title of a version, above its description."""
    latest = artifact.version == history.latest.version
    at = element("span", f"@{artifact.version}", class_="at")
    title = element(
        "div",
        element("h1", _line(artifact.key), at, tabindex=-1),
        _type(artifact.type),
        element("span", "latest", class_="badge") if latest else None,
        class_="title",
    )
    if not artifact.description:
        return title
    return join(
        [title, element("div", _blocks(blocks.Markdown(artifact.description)), class_="about")]
    )


def _strip(number: int, artifact: Artifact, history: History) -> Html:
    """Return the neighbours of a version, and the button that saves its payload."""
    previous, following = history.previous(artifact), history.following(artifact)
    steps = [_step(previous, history, "Older: ")] if previous else []
    steps += [_step(following, history, "Newer: ")] if following else []
    if following and following.version != history.latest.version:
        steps.append(_step(history.latest, history, "Latest: "))

    save = element(
        "button",
        "Download data",
        type="button",
        class_="main",
        data_do="save",
        data_as="text" if isinstance(artifact.data, str) else "json",
        data_from=f"_d{number}.{artifact.version}",
        data_name=saved_as(artifact),
    )
    neighbours = element("nav", *steps, class_="steps", aria_label="Neighbouring versions")
    return element("div", neighbours, save, class_="strip")


def _step(artifact: Artifact, history: History, label: str) -> Html:
    name = f"{label}@{artifact.version}"
    if artifact.version not in history.kept:
        return element("span", f"{name} (not kept here)", class_="step muted")
    return element("a", name, class_="step", href=f"#{ref_of(artifact)}")


def saved_as(artifact: Artifact) -> str:
    """Return the name of the file that a payload is saved as.

    Examples:
        >>> from artifact_store import ArtifactStore
        >>> store = ArtifactStore("sqlite:///:memory:")
        >>> saved_as(store.create_artifact(key="weather/summary", type="markdown", data="# Dry"))
        'weather-summary@1.md'
    """
    ending = "json"
    if isinstance(artifact.data, str):
        ending = "md" if artifact.type == "markdown" else "txt"
    return f"{re.sub('[^A-Za-z0-9._@-]', '-', ref_of(artifact))}.{ending}"


def _changes(previous: Artifact | None, changes: Sequence[str]) -> Html:
    if previous is None or not changes:
        return Html("")
    return element(
        "div", _blocks(blocks.Changes(tuple(changes), ref_of(previous))), class_="changed"
    )


def _details(artifact: Artifact, history: History) -> list[Html]:
    """Return when and by what run a version was made, and its metadata."""
    made = history.made[artifact.id]
    facts: list[Fact] = [("Created", _time(artifact.created))]
    if artifact.updated != artifact.created:
        facts.append(("Updated", _time(artifact.updated)))
    if made.flow:
        facts.append(("Flow", _line(made.flow.name)))
    facts += _run_facts("Flow run", made.flow_run, artifact.flow_run_id)
    facts += _run_facts("Task run", made.task_run, artifact.task_run_id)
    if not made.flow_run_id and not artifact.task_run_id:
        facts.append(("Made by", _muted("published outside of a run")))
    facts.append(("Id", element("code", str(artifact.id))))
    cards = [_card("_details", "Details", _facts(facts))]

    items = list((artifact.metadata or {}).items())
    metadata = [
        (_line(cell_text(name)), _line(cell_text(value))) for name, value in items[:_MAX_FACTS]
    ]
    metadata += [("Left out", left_out) for left_out in missing(len(metadata), len(items), "value")]
    if metadata:
        cards.append(_card("_metadata", "Metadata", _facts(metadata)))
    return cards


def _run_facts(label: str, run: Run | None, run_id: UUID | None) -> list[Fact]:
    if run is None:
        return [(label, element("code", str(run_id)))] if run_id else []
    if not run.state_name:
        return [(label, _line(run.name))]
    state = element("span", _line(run.state_name), class_="type")
    return [(label, join([escape(_line(run.name)), Html(" "), state]))]


def _facts(facts: Iterable[Fact]) -> Html:
    items = [item for name, value in facts for item in (element("dt", name), element("dd", value))]
    return element("dl", *items, class_="facts")


def _card(name: str, heading: str, *content: Html) -> Html:
    return element(
        "section", element("h2", heading, id=name), *content, class_="card", aria_labelledby=name
    )


def _readback(ref: str) -> Html:
    """Return the line that reads an artifact back, and a button that copies it."""
    return element(
        "section",
        element("code", f'store.read_artifact_ref("{_line(ref)}")'),
        element("button", "Copy", type="button", data_do="copy"),
        class_="card readback",
        aria_label="Read it back in Python",
    )


# The history of a key


def history_html(history: History) -> tuple[Html, Html]:
    """Return the trend of a key, one number at a time, and its versions."""
    return _trends(history), _versions(history)


def _plotted(history: History) -> dict[str, tuple[Point, ...]]:
    """Return the numbers that are worth a plot: those of two versions and more."""
    return {field: points for field, points in history.series.items() if len(points) > 1}


def _trends(history: History) -> Html:
    plotted = _plotted(history)
    if not plotted:
        return Html("")

    first = next(iter(plotted))
    if len(plotted) > 1:
        options = [element("option", _line(field), value=_line(field)) for field in plotted]
        choice = element(
            "select", *options, class_="field", aria_label="The number that is plotted"
        )
    else:
        choice = element("code", _line(first))
    plots = [
        element("figure", line_plot(points, field), data_field=_line(field), hidden=field != first)
        for field, points in plotted.items()
    ]
    head = element("div", element("h2", "Trend", id="_trend"), choice, class_="head")
    return element("section", head, *plots, class_="card", aria_labelledby="_trend")


def _versions(history: History) -> Html:
    values = {
        field: {point.version: point.value for point in points}
        for field, points in _plotted(history).items()
    }
    items = [element("li", _version(each, history, values)) for each in history.versions]

    notes = []
    if any(each.version not in history.kept for each in history.versions) or history.older:
        notes.append(
            f"The newest {len(history.kept)} are kept in this file, the store has them all."
        )
    if history.older:
        notes.append(f"{history.older:,} older ones are not listed.")

    parts = [element("ol", *items, reversed=True, class_="versions")]
    if notes:
        parts.append(element("p", " ".join(notes), class_="small"))
    return _card("_versions", f"Versions ({len(history.versions) + history.older:,})", *parts)


def _version(artifact: Artifact, history: History, values: dict[str, dict[int, float]]) -> Html:
    """Return one version of the list, with the number that is plotted; the script chooses which."""
    version = artifact.version
    content = [element("span", f"@{version}", class_="v"), _time(artifact.created, ages=True)]
    for number, (field, by_version) in enumerate(values.items()):
        if version in by_version:
            text = number_text(by_version[version])
            content.append(
                element("span", text, class_="value", data_field=_line(field), hidden=number > 0)
            )

    if version not in history.kept:
        return element("span", *content, class_="gone")
    return element("a", *content, href=f"#{ref_of(artifact)}", data_version=version)
