"""How what runs now is shown: as lines that fit a screen, as events on a pipe, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from .documents import dump_fields
from .text import safe
from .values import count_text, time_text

if TYPE_CHECKING:
    from rich.text import Text

    from artifact_store import Artifact, FlowRun

    from ..running import OpenRun, Picture, Progress

__all__ = ["Changes", "picture_document", "screen_lines"]

_STILL = timedelta(minutes=1)  # what was not updated for this long is said to stand still
_LATE = timedelta(minutes=5)  # the same for a line on a pipe
_BAR = 14  # columns; the rest of 80 is for words
_MOST_OF_NAME = 60  # characters
_MOST_OF_MESSAGE = 200
_STEP = 10  # percent, between two lines about one progress


# On a screen


def screen_lines(picture: Picture, height: int | None = None, problem: str = "") -> list[Text]:
    """Return the lines of a picture; what does not fit into `height` lines is counted.

    Args:
        picture: what runs.
        height: the number of lines; `None` shows everything.
        problem: why the picture is not of now.
    """
    lines = [header(picture)]
    if height is not None:
        lines[0].append("  q leaves", "dim")
    if problem:
        lines.append(styled(problem, "bold red"))
    blocks = [run_lines(run, picture.time) for run in picture.runs]
    outside = [progress_line(each, picture.time) for each in picture.outside]
    newest = [artifact_line(each, picture.time) for each in picture.newest[:10]]
    if height is not None:
        outside = outside[: max(1, height // 8)]
        newest = newest[: max(2, height // 4)]
    below = section("Outside of runs", outside) + section("Newest artifacts", newest)

    room = None if height is None else max(height - len(lines) - len(below), 1)
    lines += fitting(blocks, room, picture.has_more)
    return [*lines, *below][:height]


def section(title: str, lines: list[Text]) -> list[Text]:
    """Return lines below a title; nothing without lines."""
    return [styled(title, "bold"), *lines] if lines else []


def header(picture: Picture) -> Text:
    """Return the number of open runs and the time."""
    known = count_text(len(picture.runs), "open run")
    if picture.has_more:
        known = f"More than {known}"
    line = styled(known if picture.runs else "No open runs", "bold")
    return line.append(f"  {picture.time.astimezone():%H:%M:%S}", "dim")


def fitting(blocks: Sequence[list[Text]], room: int | None, has_more: bool) -> list[Text]:
    """Return the lines of the blocks that fit, and how many more there are."""
    shown: list[Text] = []
    for at, block in enumerate(blocks):
        rest = blocks[at:]
        is_last = len(rest) == 1 and not has_more
        needed = len(shown) + len(block) + (0 if is_last else 1)
        if room is not None and needed > room:
            more = f"and {count_text(len(rest), 'more run')}"
            return [*shown, styled(f"{more} at least" if has_more else more, "dim")]
        shown += block
    if has_more:
        shown.append(styled("and more runs", "dim"))
    return shown


def run_lines(each: OpenRun, now: datetime) -> list[Text]:
    """Return the lines of a run: its name and state, its tasks, its progress."""
    from artifact_store.rendering import run_state, state_colour

    shown = run_state(each.run, _MOST_OF_MESSAGE)
    line = styled(shorten(each.flow), "bold").append(f"  {shorten(each.run.name)}")
    state = " ".join(part for part in (shown.state, shown.took) if part)
    line.append(safe(f"  {state}"), state_colour(each.run.state_type))
    still = still_text(each.updated, now)
    if still:
        line.append(f"  {still}", "red")
    lines = [line]
    if each.tasks:
        names = ", ".join(dict.fromkeys(task.name for task in each.tasks))
        lines.append(styled(f"  {shorten(names)}", "dim"))
    return lines + [progress_line(one, now) for one in each.progress]


def progress_line(progress: Progress, now: datetime) -> Text:
    """Return a line with a bar and what is known of a progress."""
    from artifact_store.rendering import pace_facts, progress_bar

    percent = progress.pace.percent
    line = styled("  ").append_text(progress_bar(percent, _BAR))
    line.append(f" {percent:3.0f} %  {shorten(progress.name)}")
    facts = pace_facts(progress.pace, progress.artifact.updated, now)
    line.append("".join(f"  {fact}" for fact in facts))
    still = still_text(progress.artifact.updated, now)
    return line.append(f"  {still}", "red") if still else line


def artifact_line(artifact: Artifact, now: datetime) -> Text:
    """Return the reference, the type and the age of an artifact."""
    from artifact_store.rendering import age

    line = styled(f"  {shorten(artifact.ref)}")
    if artifact.type:
        line.append(safe(f"  {artifact.type}"))
    return line.append(f"  {age(artifact.updated, now)}", "dim")


def still_text(updated: datetime, now: datetime) -> str:
    """Return how long there was no update; empty where that is not worth saying."""
    from artifact_store.rendering import age

    return f"no update for {age(updated, now)}" if now - updated >= _STILL else ""


def shorten(text: str) -> str:
    """Return a text on one line, safe and cut."""
    first = safe(text)
    return first if len(first) <= _MOST_OF_NAME else f"{first[: _MOST_OF_NAME - 1]}…"


def styled(text: str, style: str = "") -> Text:
    """Return safe text in a style."""
    from rich.text import Text

    result = Text(no_wrap=True, overflow="ellipsis")
    return result.append(safe(text), style)


# On a pipe


class Changes:
    """Tells what has changed from one picture to the next, in one line each."""

    def __init__(self) -> None:
        """Start without a picture."""
        self.open: dict[UUID, str] = {}
        self._steps: dict[UUID, int] = {}
        self._seen: dict[UUID, datetime] = {}
        self._still: set[UUID] = set()
        self._is_first = True

    def gone(self, picture: Picture) -> list[UUID]:
        """Return the ids of the runs that were open and are not in a picture."""
        here = {each.run.id for each in picture.runs}
        return [run_id for run_id in self.open if run_id not in here]

    def lines(self, picture: Picture, ended: Mapping[UUID, FlowRun]) -> Iterator[str]:
        """Yield a line for each change.

        Args:
            picture: what runs now.
            ended: the runs that are not open any more, as they are now.
        """
        time = time_text(picture.time)
        for run_id in self.gone(picture):
            name = self.open.pop(run_id)
            yield f"{time}  {name}  {end_text(ended.get(run_id))}"
        # The newest are first in a picture; lines are in the order of time.
        for each in reversed(picture.runs):
            if each.run.id not in self.open:
                name = self.open[each.run.id] = safe(f"{each.flow} / {each.run.name}")
                word = "is open" if self._is_first else "started"
                yield f"{time}  {name}  {word}"
        yield from self._published_lines(picture, time)
        yield from self._progress_lines(picture, time)
        yield from self._still_lines(picture, time)
        self._is_first = False

    def _published_lines(self, picture: Picture, time: str) -> Iterator[str]:
        # What is older was written again. Clocks differ, and a block may commit late.
        oldest = picture.time - _LATE
        for artifact in reversed(picture.newest):
            if artifact.created < oldest or artifact.id in self._seen:
                continue
            self._seen[artifact.id] = artifact.created
            if not self._is_first:
                yield f"{time}  {safe(artifact.ref)}  published{type_text(artifact)}"
        self._seen = {each: created for each, created in self._seen.items() if created >= oldest}

    def _still_lines(self, picture: Picture, time: str) -> Iterator[str]:
        still = {each.run.id for each in picture.runs if picture.time - each.updated >= _LATE}
        for each in reversed(picture.runs):
            if each.run.id in still - self._still:
                yield f"{time}  {self.open[each.run.id]}  {still_text(each.updated, picture.time)}"
        self._still = still

    def _progress_lines(self, picture: Picture, time: str) -> Iterator[str]:
        from artifact_store.rendering import pace_facts

        every = [*picture.outside]
        for run in picture.runs:
            every += run.progress
        steps = {each.artifact.id: int(each.pace.percent // _STEP) for each in every}
        for each in every:
            step = steps[each.artifact.id]
            if step > self._steps.get(each.artifact.id, 0 if self._is_first else -1):
                facts = ", ".join(pace_facts(each.pace, each.artifact.updated, picture.time))
                yield f"{time}  {shorten(each.name)}  {each.pace.percent:.0f} %  {facts}".rstrip()
        self._steps = steps


def end_text(run: FlowRun | None) -> str:
    """Return how a run ended."""
    from artifact_store.rendering import run_state

    if run is None:
        return "is gone"
    shown = run_state(run, _MOST_OF_MESSAGE)
    state = " ".join(part for part in (shown.state, shown.took) if part) or "ended"
    return safe(f"{state}: {shown.message}" if shown.message else state)


def type_text(artifact: Artifact) -> str:
    """Return the type of an artifact in parentheses."""
    return f" ({safe(artifact.type)})" if artifact.type else ""


# As JSON


def picture_document(picture: Picture) -> dict[str, object]:
    """Return a picture as plain JSON."""
    return {
        "time": time_text(picture.time),
        "runs": [run_document(each) for each in picture.runs],
        "has_more": picture.has_more,
        "progress": [progress_document(each) for each in picture.outside],
        "newest": [dump_fields(each, "data", "profile") for each in picture.newest[:10]],
    }


def run_document(each: OpenRun) -> dict[str, object]:
    """Return an open run as plain JSON."""
    return {
        "flow": each.flow,
        "flow_run": dump_fields(each.run),
        "task_runs": [dump_fields(task) for task in each.tasks],
        "progress": [progress_document(one) for one in each.progress],
        "last_update": time_text(each.updated),
    }


def progress_document(progress: Progress) -> dict[str, object]:
    """Return a progress as plain JSON."""
    pace = progress.pace
    return {
        "artifact": dump_fields(progress.artifact, "data", "profile"),
        "percent": pace.percent,
        "done": pace.done,
        "total": pace.total,
        "rate": pace.rate,
        "expected_end": None if pace.end is None else time_text(pace.end),
    }
