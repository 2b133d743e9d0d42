"""Durations, as a timedelta or as text such as `24h`."""

import math
import re
from contextlib import suppress
from datetime import timedelta

from .errors import InvalidQuery
from .wording import shown

__all__ = ["duration_text", "elapsed_text", "parse_duration", "seconds_of", "took_text"]

_TEXT = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAY = timedelta(days=1)
_WORDS = ((_DAY, "days"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"))


def parse_duration(value: object, name: str) -> timedelta:
    """Return a duration.

    Args:
        value: a timedelta, or a number with a unit: `90s`, `90m`, `24h`, `7d`, `2w`.
        name: the argument that has it, for the message.

    Raises:
        InvalidQuery: it is not a duration, or not longer than 0.

    Examples:
        >>> parse_duration("90m", "within")
        datetime.timedelta(seconds=5400)
    """
    duration = value if isinstance(value, timedelta) else None
    found = _TEXT.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        number, unit = found.groups()
        try:
            duration = timedelta(**{_UNITS[unit]: int(number)})
        except OverflowError:  # 999,999,999 weeks
            duration = None

    if duration is None:
        raise InvalidQuery(
            f"Invalid {name} {shown(value)}: expected a timedelta, or text such as 90m, 24h or 7d."
        )
    if duration <= timedelta(0):
        raise InvalidQuery(f"Invalid {name} {shown(value)}: expected a duration longer than 0.")
    return duration


def seconds_of(value: object, name: str) -> float:
    """Return a number of seconds, which may be 0.

    Args:
        value: seconds, a timedelta, or text such as `30s`.
        name: the argument that has it, for the message.

    Raises:
        InvalidQuery: it is not a duration, or negative.

    Examples:
        >>> seconds_of(0.5, "timeout"), seconds_of("5m", "timeout")
        (0.5, 300.0)
    """
    if isinstance(value, str):
        return parse_duration(value, name).total_seconds()
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, int | float) and not isinstance(seconds, bool):
        with suppress(OverflowError):  # an int that is too large for a float
            number = float(seconds)
            if 0 <= number < math.inf:
                return number
    raise InvalidQuery(
        f"Invalid {name} {shown(value)}: expected seconds, a timedelta, or text such as 30s or 5m."
    )


def duration_text(duration: timedelta) -> str:
    """Return a duration in words, exactly, in the largest unit that needs no fraction.

    Examples:
        >>> [duration_text(timedelta(minutes=each)) for each in (1.5, 90, 24 * 60, 72 * 60)]
        ['90 s', '90 min', '24 h', '3 days']
    """
    for unit, word in _WORDS:
        if not duration % unit and (unit != _DAY or duration > _DAY):
            return f"{duration // unit:,} {word}"
    return f"{duration.total_seconds():,.15g} s"


def elapsed_text(passed: timedelta, limit: timedelta) -> str:
    """Return how much time has passed, in the largest unit in which it is still more than a limit that it exceeds.

    Examples:
        >>> limit = timedelta(minutes=90)
        >>> [elapsed_text(timedelta(minutes=each), limit) for each in (89, 91, 90.5, 180, 3000)]
        ['1 h', '91 min', '5,430 s', '3 h', '2 days']
    """
    for unit, word in (*_WORDS, (timedelta(seconds=1), "s")):
        number = passed // unit
        at_least = 2 if unit == _DAY else 1
        if number >= at_least and (passed <= limit or number * unit > limit):
            return f"{number:,} {word}"
    return f"{passed.total_seconds():,.15g} s"


def took_text(duration: timedelta) -> str:
    """Return how long something took, in the two largest units that say enough.

    Examples:
        >>> [took_text(timedelta(seconds=each)) for each in (0.04, 2.5, 75, 3600, 93_784, 9 * 86_400)]
        ['0.0 s', '2.5 s', '1 min 15 s', '1 h', '26 h 3 min', '9 days']
    """
    seconds = max(duration.total_seconds(), 0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24:,} days"
    large = f"{hours} h" if hours else f"{minutes} min"
    small = f"{minutes} min" if hours else f"{rest} s"
    parts = [part for part in (large, small) if not part.startswith("0 ")]
    return " ".join(parts)
