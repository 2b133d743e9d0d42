"""How far a loop is, how quickly it goes, and when it is expected to end, from its progress artifact."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from .context import Shown
from .text import age

__all__ = ["Pace", "pace_facts", "read_pace"]

_STILL = timedelta(minutes=1)  # how quickly it went says nothing after so long without an update
_LARGEST = 1e15


class Pace(NamedTuple):
    """What the progress artifact of a loop says.

    Attributes:
        percent: from 0 to 100.
        done: the number of items that are done; `None` if it is not known.
        total: the number of items; `None` if it is not known.
        rate: items per second; `None` if it is not known.
        end: when it is expected to end; `None` if that is not known, or it has ended.
    """

    percent: float
    done: float | None = None
    total: float | None = None
    rate: float | None = None
    end: datetime | None = None


def read_pace(artifact: Shown) -> Pace | None:
    """Return what a progress artifact says.

    Args:
        artifact: an `Artifact` of the type `progress`. Its metadata may have `done`, `total` and
            `rate`, as `ArtifactStore.track` writes them.

    Returns:
        The pace; `None` if the artifact does not hold a number. Without a rate in the metadata, that
        of a loop that has not ended is computed from the times of the artifact.

    Examples:
        >>> from artifact_store import ArtifactStore
        >>> store = ArtifactStore("sqlite:///:memory:")
        >>> counts = {"done": 1200, "total": 5000, "rate": 35}
        >>> load = store.create_progress_artifact(24, key="load", metadata=counts)
        >>> read_pace(load)[:4]
        (24, 1200, 5000, 35)
    """
    data = artifact.data
    percent = number(data.get("progress") if isinstance(data, Mapping) else data)
    if percent is None:
        return None
    metadata = artifact.metadata or {}
    done = number(metadata.get("done"))
    total = number(metadata.get("total"))
    rate = number(metadata.get("rate"))
    elapsed = (artifact.updated - artifact.created).total_seconds()
    if rate is None and done and elapsed > 0 and percent < 100:
        rate = done / elapsed

    left = None
    if percent < 100 and rate and done is not None and total is not None:
        left = (total - done) / rate
    elif 0 < percent < 100 and elapsed > 0:
        left = elapsed * (100 - percent) / percent
    return Pace(percent, done, total, rate, end_after(artifact.updated, left))


def pace_facts(pace: Pace, updated: datetime, now: datetime | None = None) -> list[str]:
    """Return what is known of a pace: what is done, the rate, and how long it is expected to take.

    Args:
        pace: the pace.
        updated: when the artifact was last written. A loop that was not updated for a minute may
            have been killed, so nothing is expected of it.
        now: the time; the present by default.

    Returns:
        A short text for each.

    Examples:
        >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
        >>> pace = Pace(24, 1200, 5000, 35, noon + timedelta(minutes=2))
        >>> ", ".join(pace_facts(pace, noon, noon))
        '1,200 / 5,000, 35/s, about 2 min left'
    """
    if now is None:
        now = datetime.now(UTC)
    facts = []
    if pace.done is not None and pace.total is not None:
        facts.append(f"{pace.done:,.0f} / {pace.total:,.0f}")
    elif pace.done is not None:
        facts.append(f"{pace.done:,.0f} done")

    may_run = pace.percent < 100 and now - updated < _STILL
    if pace.rate and (may_run or pace.percent >= 100):
        facts.append(rate_text(pace.rate))
    if pace.end is not None and may_run:
        facts.append(f"about {age(now, max(pace.end, now))} left")
    return facts


def rate_text(rate: float) -> str:
    """Return a rate for people; a slow one by the minute or the hour.

    Examples:
        >>> rate_text(1234.5), rate_text(0.5), rate_text(0.02), rate_text(0.0005)
        ('1,234/s', '0.5/s', '1.2/min', '1.8/h')
    """
    if rate >= 0.1:
        amount, unit = rate, "s"
    elif rate * 60 >= 0.1:
        amount, unit = rate * 60, "min"
    else:
        amount, unit = rate * 3600, "h"
    return f"{amount:,.3g}/{unit}" if amount < 100 else f"{amount:,.0f}/{unit}"


def end_after(moment: datetime, seconds: float | None) -> datetime | None:
    """Return the time some seconds after another; `None` if there is no such time."""
    if seconds is None or seconds < 0:
        return None
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return None


def number(value: object) -> float | None:
    """Return a value that is a number of 0 or more; `None` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < _LARGEST else None
