"""The details of one version in a report: when and by what run it was made, and its metadata."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from ..rendering.context import MadeFrom, Provenance, Run, UsedBy
from ..rendering.markup import Html, element, escape, join
from ..rendering.provenance import first_of, remarks, use_text
from ..rendering.runs import run_facts, run_state, state_tone
from ..rendering.text import cell_text, cut, missing
from ..schemas.artifacts import Artifact
from .elements import card, muted, short_line, time_html
from .history import History

__all__ = ["detail_cards"]

_MAX_FACTS = 200
_MAX_MESSAGE = 4_000  # characters

Fact = tuple[str, str]  # a name and a value, each of them text or HTML


def detail_cards(artifact: Artifact, history: History) -> list[Html]:
    """Return when and by what run a version was made, and its metadata."""
    cards = [card("_details", "Details", facts_html(detail_facts(artifact, history)))]
    metadata = metadata_facts(artifact)
    if metadata:
        cards.append(card("_metadata", "Metadata", facts_html(metadata)))
    return cards


def detail_facts(artifact: Artifact, history: History) -> list[Fact]:
    """Return when and by what run a version was made, and its id."""
    origin = history.origins[artifact.id]
    facts: list[Fact] = [("Created", time_html(artifact.created))]
    if artifact.updated != artifact.created:
        facts.append(("Updated", time_html(artifact.updated)))
    if origin.flow:
        facts.append(("Flow", short_line(origin.flow.name)))
    if origin.deployment:
        facts.append(("Deployment", short_line(origin.deployment.name)))
    if artifact.flow_run_id:
        facts.append(("Flow run", run_html(origin.flow_run, artifact.flow_run_id)))
        facts += started_with(origin.flow_run, "")
    if artifact.task_run_id:
        facts.append(("Task run", run_html(origin.task_run, artifact.task_run_id)))
        facts += started_with(origin.task_run, "task ")
    if not artifact.flow_run_id and not artifact.task_run_id:
        facts.append(("Made by", muted("published outside of a run")))
    facts += provenance_facts(history.provenance.get(artifact.id, Provenance()))
    facts.append(("Id", element("code", str(artifact.id))))
    return facts


def provenance_facts(provenance: Provenance) -> list[Fact]:
    """Return what a version was made from and used by, with links to what is in this report."""
    facts: list[Fact] = []
    complete = provenance.complete
    if provenance.made_from:
        facts.append(("Made from", related_list(provenance.made_from, complete)))
    if provenance.used_by:
        facts.append(("Used by", related_list(provenance.used_by, complete)))
    return facts


def related_list(related: Sequence[MadeFrom | UsedBy], complete: bool) -> Html:
    """Return the first of what an artifact was made from or used by, a line for each."""
    first, left_out = first_of(related, complete)
    lines = [element("li", *related_html(each)) for each in first]
    if left_out:
        lines.append(element("li", muted(f"and {left_out}")))
    return element("ul", *lines, class_="related")


def related_html(related: MadeFrom | UsedBy) -> list[Html]:
    """Return a link to an artifact, with how it was asked for; a run that has made nothing by its name."""
    if related.ref is None:
        return [escape(short_line(use_text(related)))]
    # The script takes the link away where the artifact is not in the report.
    link = element("a", short_line(related.ref), class_="ref", href=f"#{related.ref}")
    remark = remarks(related) if isinstance(related, MadeFrom) else ""
    return [link, muted(f" {short_line(remark)}")] if remark else [link]


def metadata_facts(artifact: Artifact) -> list[Fact]:
    """Return the metadata of an artifact."""
    items = list((artifact.metadata or {}).items())
    facts: list[Fact] = []
    for name, value in items[:_MAX_FACTS]:
        facts.append((short_line(cell_text(name)), short_line(cell_text(value))))
    for left_out in missing(len(facts), len(items), "value"):
        facts.append(("Left out", left_out))
    return facts


def run_html(run: Run | None, run_id: UUID) -> Html:
    """Return the name and the state of a run, above its message; the id of one that the store does not have."""
    if run is None:
        return element("code", str(run_id))
    shown = run_state(run)
    tone = state_tone(run.state_type)
    parts = [escape(short_line(shown.name))]
    if shown.state:
        # Only these two have a colour here: the others are usual while a run is open.
        kind = f"type {tone}" if tone in ("good", "bad") else "type"
        parts += [Html(" "), element("span", short_line(shown.state), class_=kind)]
    if shown.took:
        parts += [Html(" "), muted(shown.took)]
    if shown.message:
        text, left_out = cut(shown.message, _MAX_MESSAGE)
        kind = "message bad" if tone == "bad" else "message"
        parts.append(element("span", f"{text}…" if left_out else text, class_=kind))
    return join(parts)


def started_with(run: Run | None, of: str) -> list[Fact]:
    """Return the tags and the parameters of a run."""
    if run is None:
        return []
    return [(name.capitalize(), short_line(value)) for name, value in run_facts(run, of)]


def facts_html(facts: Iterable[Fact]) -> Html:
    """Return names and values as a list of descriptions."""
    items = []
    for name, value in facts:
        items.append(element("dt", name))
        items.append(element("dd", value))
    return element("dl", *items, class_="facts")
