"""What is shown of a run: its state and why it is in it, how long it took, and what it was started with."""

from collections.abc import Mapping
from itertools import islice
from typing import Literal, TypeAlias

from ..clock import now
from ..durations import took_text
from .blocks import RunState
from .context import ArtifactContext, Run, Shown
from .text import cell_text

__all__ = ["Fact", "made_by", "parameters_text", "run_facts", "run_state", "run_took", "state_tone"]

Fact: TypeAlias = tuple[str, str | RunState]
Tone: TypeAlias = Literal["good", "bad", "busy", "held"]

_MOST_PARAMETERS = 20
_MOST_OF_PARAMETERS = 500  # characters
_MOST_OF_VALUE = 60  # characters of one parameter
_MOST_TAGS = 500  # characters
_TONES: Mapping[str, Tone] = {
    "COMPLETED": "good",
    "FAILED": "bad",
    "CRASHED": "bad",
    "RUNNING": "busy",
    "CANCELLED": "held",
    "CANCELLING": "held",
    "PAUSED": "held",
}


def state_tone(state_type: str | None) -> Tone | None:
    """Return what a state means for its colour; `None` for one without a colour.

    Examples:
        >>> state_tone("CRASHED"), state_tone("SCHEDULED")
        ('bad', None)
    """
    return _TONES.get(state_type or "")


def run_state(run: Run, most: int | None = None) -> RunState:
    """Return the name of a run, its state, how long it took, and why it is in that state.

    Args:
        run: a `FlowRun` or a `TaskRun`.
        most: how many characters of the first line of the message are shown; `None` shows all of it. A message of
            a run that did not fail is then left out too.

    Returns:
        What a line of a list, or a fact of an artifact, shows of the run.

    Examples:
        >>> from artifact_store import ArtifactStore
        >>> store = ArtifactStore("sqlite:///:memory:")
        >>> run = store.create_flow_run(store.create_flow("etl").id, name="night-1")
        >>> store.set_flow_run_state(run.id, "FAILED", message="no rows")
        True
        >>> run_state(store.read_flow_run(run.id)).text
        'night-1, Failed: no rows'
    """
    message = run.state_message or ""
    if most is not None:
        is_bad = state_tone(run.state_type) == "bad"
        message = short_message(message, most) if is_bad else ""
    return RunState(
        name=run.name,
        state_type=run.state_type,
        state=run.state_name,
        took=run_took(run),
        message=message.strip(),
    )


def short_message(text: str, most: int) -> str:
    r"""Return the first line of a message, which ends with an ellipsis if that is not all of it.

    Examples:
        >>> short_message("no rows", 10), short_message("no rows\nat all", 10), short_message("nothing at all", 7)
        ('no rows', 'no rows…', 'nothing…')
    """
    lines = text.strip().splitlines() or [""]
    line = cell_text(lines[0], most)
    return f"{line}…" if len(lines) > 1 and not line.endswith("…") else line


def run_took(run: Run) -> str:
    """Return how long a run took, or how long it has been running, in words; empty where that is not known."""
    if run.start_time is None:
        return ""
    if run.end_time is not None:
        return f"after {took_text(run.end_time - run.start_time)}"
    if run.state_type == "RUNNING":
        return f"for {took_text(now() - run.start_time)}"
    return ""


def parameters_text(parameters: Mapping[str, object]) -> str:
    """Return the parameters of a run in one line, of which a long one is cut.

    Args:
        parameters: the values by name.

    Returns:
        `name=value` for each of the first 20, texts as they are and other values as JSON; 500 characters at most.

    Examples:
        >>> parameters_text({"day": "2026-11-24", "regions": ["eu", "us"], "full": True})
        'day=2026-11-24, regions=["eu", "us"], full=true'
    """
    parts = []
    for name, value in islice(parameters.items(), _MOST_PARAMETERS):
        text = "null" if value is None else cell_text(value, _MOST_OF_VALUE)
        parts.append(f"{cell_text(name, _MOST_OF_VALUE)}={text}")
    left_out = len(parameters) - len(parts)
    if left_out:
        parts.append(f"and {left_out:,} more")
    return cell_text(", ".join(parts), _MOST_OF_PARAMETERS)


def run_facts(run: Run, of: str = "") -> list[tuple[str, str]]:
    """Return the tags and the parameters of a run, as far as it has any.

    Args:
        run: a `FlowRun` or a `TaskRun`.
        of: what begins their names, such as `task `.
    """
    facts: list[tuple[str, str]] = []
    if run.tags:
        facts.append((f"{of}tags", cell_text(", ".join(run.tags), _MOST_TAGS)))
    if run.parameters:
        facts.append((f"{of}parameters", parameters_text(run.parameters)))
    return facts


def made_by(artifact: Shown, context: ArtifactContext) -> list[Fact]:
    """Return the runs that made an artifact, outermost first, with what is known of them."""
    facts: list[Fact] = []
    if context.flow is not None:
        facts.append(("flow", context.flow.name))
    if context.deployment is not None:
        facts.append(("deployment", context.deployment.name))
    if context.flow_run is not None:
        # Also when the artifact names the task run alone.
        facts.append(("flow run", run_state(context.flow_run)))
        facts += run_facts(context.flow_run)
    elif artifact.flow_run_id is not None:
        facts.append(("flow run", str(artifact.flow_run_id)))
    if context.task_run is not None:
        facts.append(("task run", run_state(context.task_run)))
        facts += run_facts(context.task_run, "task ")
    elif artifact.task_run_id is not None:
        facts.append(("task run", str(artifact.task_run_id)))
    return facts
