"""What the report shows, as HTML: a row of the overview, one version of an artifact, the history of a key."""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from ..rendering import blocks
from ..rendering.html import blocks_to_html
from ..rendering.plot import line_plot
from ..rendering.renderers import render
from ..rendering.surroundings import Point, Run, ref_of
from ..rendering.text import cell_text, escape_controls, missing, moment_text, number_text, short_number
from ..schemas.artifacts import Artifact
from .history import History, Made

__all__ = ["history_html", "row_html", "saved_as", "version_html"]

_SPARK_WIDTH, _SPARK_HEIGHT = 88, 24
_LONGEST_ABOUT = 160  # characters of a description in the overview
_LONGEST_LINE = 1_000
_MOST_FACTS = 200


def _text(value: object) -> str:
    return escape(escape_controls(cell_text(str(value), _LONGEST_LINE)))


def _time(moment: datetime, *, ages: bool = False) -> str:
    """Return a time; with `ages` the script says how long ago it is instead, and keeps the time as a tooltip."""
    age = " data-age" if ages else ""
    return f'<time datetime="{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"{age}>{moment_text(moment)}</time>'


def _blocks(*many: blocks.Block) -> str:
    return f'<div class="artifact-store">{blocks_to_html(many, external_images=False)}</div>'


# Overview


def row_html(number: int, history: History) -> str:
    """Return the row of a key: what it holds, its trend, its age, and who made it."""
    latest = history.latest
    made = history.made[latest.id]
    about = " ".join((latest.description or "")[:_LONGEST_LINE].replace("**", "").replace("`", "").split())[
        :_LONGEST_ABOUT
    ]
    cells = [
        f'<th scope="row" role="rowheader" class="key"><a href="#{escape(latest.key or "")}">{_text(latest.key)}</a>'
        + (f'<span class="about">{_text(about)}</span>' if about else "")
        + "</th>",
        f'<td role="cell" class="c-type">{_type(latest.type)}</td>',
        f'<td role="cell" class="c-trend">{_trend(history)}</td>',
        f'<td role="cell" class="c-version number">@{latest.version}</td>',
        f'<td role="cell" class="c-age">{_time(latest.updated, ages=True)}</td>',
        f'<td role="cell" class="run">{_run(made)}</td>',
    ]
    facts = {
        "key": latest.key,
        "type": latest.type or "",
        "flow": made.flow.name if made.flow else "",
        "run": _run_name(made),
        "version": latest.version,
        "updated": f"{latest.updated.timestamp():.6f}",
        "n": number,
    }
    data = " ".join(f'data-{name}="{_text(value)}"' for name, value in facts.items())
    return f'<tr role="row" {data}>{"".join(cells)}</tr>\n'


def _type(name: str | None) -> str:
    return f'<span class="type">{_text(name)}</span>' if name else ""


def _run_name(made: Made) -> str:
    if made.flow_run is not None:
        return made.flow_run.name
    return str(made.flow_run_id or "")


def _run(made: Made) -> str:
    """Return the flow above its run, or the run alone."""
    run = _run_name(made)
    if made.flow is None:
        return f"<span>{_text(run)}</span>" if run else ""
    return f'<span>{_text(made.flow.name)}</span><span class="muted">{_text(run)}</span>'


def _trend(history: History) -> str:
    """Return the default number of a key: its line, and its newest value in words."""
    if not history.series:
        return ""
    field, points = next(iter(history.series.items()))
    values = [point.value for point in points if math.isfinite(point.value)]
    if not values or (len(values) == 1 and field != "data"):
        return ""
    name = field.removeprefix("metadata.").removeprefix("data.")
    label = f'<span class="muted">{_text(name)}</span>' if name != "data" else ""
    line = _sparkline(values) if len(values) > 1 else ""
    return f'<span class="trend">{line}<span class="number">{short_number(values[-1])}{label}</span></span>'


def _sparkline(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    span = high / 2 - low / 2
    step = (_SPARK_WIDTH - 6) / (len(values) - 1)
    places = [
        (3 + step * place, _SPARK_HEIGHT - 3 - (_SPARK_HEIGHT - 6) * ((value / 2 - low / 2) / span if span else 0.5))
        for place, value in enumerate(values)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    return (
        f'<svg class="spark" viewBox="0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}" aria-hidden="true">'
        f'<polyline points="{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.2"/></svg>'
    )


# One version


def version_html(number: int, artifact: Artifact, history: History, changes: Sequence[str]) -> str:
    """Return what is shown when a version is opened; the history of its key is put into its empty places."""
    ref = ref_of(artifact)
    return "".join(
        (
            '<p class="crumbs"><a href="#">All artifacts</a></p>',
            _head(artifact, history),
            _strip(number, artifact, history),
            _changes(history.previous(artifact), changes),
            '<div class="columns"><div class="trends"></div>',
            '<section class="card content" aria-labelledby="_content">',
            '<h2 id="_content" class="visually-hidden">Content</h2>',
            _blocks(*render(artifact)),
            f'</section><div class="rest"><div class="versions-of"></div>{_details(artifact, history)}</div></div>',
            _readback(ref),
        )
    )


def _head(artifact: Artifact, history: History) -> str:
    latest = artifact.version == history.latest.version
    badge = '<span class="badge">latest</span>' if latest else ""
    about = f'<div class="about">{_blocks(blocks.Markdown(artifact.description))}</div>' if artifact.description else ""
    return (
        f'<div class="title"><h1 tabindex="-1">{_text(artifact.key)}<span class="at">@{artifact.version}</span></h1>'
        f"{_type(artifact.type)}{badge}</div>{about}"
    )


def _strip(number: int, artifact: Artifact, history: History) -> str:
    """Return the neighbours of a version, and the button that saves its payload."""
    previous, following = history.previous(artifact), history.following(artifact)
    steps = [_step(previous, history, "Older: ")] if previous else []
    steps += [_step(following, history, "Newer: ")] if following else []
    if following and following.version != history.latest.version:
        steps.append(_step(history.latest, history, "Latest: "))
    kind = "text" if isinstance(artifact.data, str) else "json"
    save = (
        f'<button type="button" class="main" data-do="save" data-as="{kind}" '
        f'data-from="_d{number}.{artifact.version}" data-name="{_text(saved_as(artifact))}">Download data</button>'
    )
    return (
        f'<div class="strip"><nav class="steps" aria-label="Neighbouring versions">{"".join(steps)}</nav>{save}</div>'
    )


def _step(artifact: Artifact, history: History, label: str) -> str:
    name = f"{label}@{artifact.version}"
    if artifact.version not in history.kept:
        return f'<span class="step muted">{name} (not kept here)</span>'
    return f'<a class="step" href="#{escape(ref_of(artifact))}">{name}</a>'


def saved_as(artifact: Artifact) -> str:
    """Return the name of the file that a payload is saved as.

    Examples:
        >>> from artifact_store import ArtifactStore
        >>> store = ArtifactStore("sqlite:///:memory:")
        >>> saved_as(store.create_artifact(key="weather/summary", type="markdown", data="# Dry"))
        'weather-summary@1.md'
    """
    ending = ("md" if artifact.type == "markdown" else "txt") if isinstance(artifact.data, str) else "json"
    return f"{re.sub('[^A-Za-z0-9._@-]', '-', ref_of(artifact))}.{ending}"


def _changes(previous: Artifact | None, changes: Sequence[str]) -> str:
    if previous is None or not changes:
        return ""
    return f'<div class="changed">{_blocks(blocks.Changes(tuple(changes), ref_of(previous)))}</div>'


def _details(artifact: Artifact, history: History) -> str:
    """Return when and by what run a version was made, and its metadata."""
    made = history.made[artifact.id]
    facts: list[tuple[str, str]] = [("Created", _time(artifact.created))]
    if artifact.updated != artifact.created:
        facts.append(("Updated", _time(artifact.updated)))
    facts += [("Flow", _text(made.flow.name))] if made.flow else []
    facts += _run_facts("Flow run", made.flow_run, artifact.flow_run_id)
    facts += _run_facts("Task run", made.task_run, artifact.task_run_id)
    if not made.flow_run_id and not artifact.task_run_id:
        facts.append(("Made by", '<span class="muted">published outside of a run</span>'))
    facts.append(("Id", f"<code>{artifact.id}</code>"))
    items = list((artifact.metadata or {}).items())
    metadata = [(_text(cell_text(name)), _text(cell_text(value))) for name, value in items[:_MOST_FACTS]]
    metadata += [("Left out", left_out) for left_out in missing(len(metadata), len(items), "value")]
    parts = [_card("_details", "Details", _facts(facts))]
    if metadata:
        parts.append(_card("_metadata", "Metadata", _facts(metadata)))
    return "".join(parts)


def _run_facts(label: str, run: Run | None, run_id: object) -> list[tuple[str, str]]:
    if run is None:
        return [(label, f"<code>{_text(run_id)}</code>")] if run_id else []
    state = f' <span class="type">{_text(run.state_name)}</span>' if run.state_name else ""
    return [(label, f"{_text(run.name)}{state}")]


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return f'<dl class="facts">{"".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)}</dl>'


def _card(name: str, heading: str, content: str) -> str:
    return f'<section class="card" aria-labelledby="{name}"><h2 id="{name}">{heading}</h2>{content}</section>'


def _readback(ref: str) -> str:
    """Return the line that reads an artifact back, and a button that copies it."""
    return (
        '<section class="card readback" aria-label="Read it back in Python">'
        f'<code>store.read_artifact_ref("{_text(ref)}")</code>'
        '<button type="button" data-do="copy">Copy</button></section>'
    )


# The history of a key


def history_html(history: History) -> tuple[str, str]:
    """Return the trend of a key, one number at a time, and its versions."""
    return _trends(history), _versions(history)


def _plotted(history: History) -> dict[str, tuple[Point, ...]]:
    """Return the numbers that are worth a plot: those of two versions and more."""
    return {field: points for field, points in history.series.items() if len(points) > 1}


def _trends(history: History) -> str:
    plotted = _plotted(history)
    if not plotted:
        return ""
    first = next(iter(plotted))
    if len(plotted) > 1:
        options = "".join(f'<option value="{_text(field)}">{_text(field)}</option>' for field in plotted)
        choice = f'<select class="field" aria-label="The number that is plotted">{options}</select>'
    else:
        choice = f"<code>{_text(first)}</code>"
    plots = "".join(
        f'<figure data-field="{_text(field)}"{"" if field == first else " hidden"}>{line_plot(points, field)}</figure>'
        for field, points in plotted.items()
    )
    return (
        '<section class="card" aria-labelledby="_trend"><div class="head"><h2 id="_trend">Trend</h2>'
        f"{choice}</div>{plots}</section>"
    )


def _versions(history: History) -> str:
    plotted = _plotted(history)
    values = {field: {point.version: point.value for point in points} for field, points in plotted.items()}
    items = "".join(f"<li>{_version(each, history, values)}</li>" for each in history.versions)
    notes = []
    if any(each.version not in history.kept for each in history.versions) or history.older:
        notes.append(f"The newest {len(history.kept)} are kept in this file, the store has them all.")
    if history.older:
        notes.append(f"{history.older:,} older ones are not listed.")
    small = f'<p class="small">{" ".join(notes)}</p>' if notes else ""
    heading = f"Versions ({len(history.versions) + history.older:,})"
    return _card("_versions", heading, f'<ol reversed class="versions">{items}</ol>{small}')


def _version(artifact: Artifact, history: History, values: dict[str, dict[int, float]]) -> str:
    version: Any = artifact.version
    numbers = ""
    for place, (field, by_version) in enumerate(values.items()):
        if version in by_version:
            hidden = " hidden" if place else ""
            number = number_text(by_version[version])
            numbers += f'<span class="value" data-field="{_text(field)}"{hidden}>{number}</span>'
    content = f'<span class="v">@{version}</span>{_time(artifact.created, ages=True)}{numbers}'
    if version not in history.kept:
        return f'<span class="gone">{content}</span>'
    return f'<a href="#{escape(ref_of(artifact))}" data-version="{version}">{content}</a>'
