"""Time what is compared in turns, so that whatever else the machine does falls on all sides alike."""

import gc
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

__all__ = ["Line", "compared", "in_turns", "seconds_per_call"]

Way = Callable[[int], float]
_SLICES = 10


class Line(NamedTuple):
    """One number of the report.

    Attributes:
        section: the table that it belongs to.
        name: what was measured.
        engine: `sqlite`, `postgresql` or "".
        value: a ratio, or seconds, megabytes or per cent.
        target: what the value may be at the most; 0 when nothing is aimed at.
        unit: `×`, `s`, `MB` or `%`.
        low: the lowest ratio of a round.
        high: the highest ratio of a round.
        ours: the median seconds of a call of the store.
        theirs: the median seconds of a call of what it is compared with.
        size: the number of artifacts.
        least: whether the target is what the value must be at the least.
        base: the number of artifacts of the store that `theirs` was measured in, when it is another one.
    """

    section: str
    name: str
    engine: str
    value: float
    target: float = 0
    unit: str = "×"
    low: float = 0
    high: float = 0
    ours: float = 0
    theirs: float = 0
    size: int = 0
    least: bool = False
    base: int = 0

    @property
    def missed(self) -> bool:
        """Tell whether the target was missed."""
        return self.target > 0 and (
            self.value < self.target if self.least else self.value > self.target
        )

    def text(self) -> str:
        """Return the line as it is printed while the benchmarks run."""
        spread = f"{self.low:.2f} – {self.high:.2f}" if self.high else ""
        aim = (
            f"{'≥' if self.least else '≤'} {self.target:g}{' MISSED' if self.missed else ''}"
            if self.target
            else ""
        )
        times = f"{self.ours * 1e6:12.1f} µs {self.theirs * 1e6:12.1f} µs" if self.ours else ""
        size = f"{self.size:,}" if self.size else ""
        return f"{self.engine:10} {self.name:52} {size:>9} {self.value:8.2f} {self.unit:2} {spread:18} {times:32} {aim}"


def seconds_per_call(operation: Callable[[Any], object], arguments: Sequence[Any]) -> float:
    """Call an operation with each argument; return the seconds of a call.

    They are those of the median tenth of the calls: another process that takes the core for a while
    would otherwise make a single round tell several times the truth.
    """
    size = max(len(arguments) // _SLICES, 1)
    slices = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    times = []
    gc.collect()
    for part in slices:
        start = perf_counter()
        for each in part:
            operation(each)
        times.append((perf_counter() - start) / len(part))
    return median(times)


def in_turns(ways: Sequence[Way], rounds: int) -> list[list[float]]:
    """Measure each way once in every round, and begin each round with another one; return the times by way."""
    times: list[list[float]] = [[] for _ in ways]
    for number in range(rounds):
        for turn in range(len(ways)):
            which = (turn + number) % len(ways)
            times[which].append(ways[which](number))
    return times


def compared(line: Line, ours: Sequence[float], theirs: Sequence[float]) -> Line:
    """Fill a line with the comparison of two ways by the times of the same rounds.

    The ratio is ours to theirs; where the target is a least, it tells how many times quicker ours is.
    """
    pairs = zip(theirs, ours, strict=True) if line.least else zip(ours, theirs, strict=True)
    ratios = [one / other for one, other in pairs]
    return line._replace(
        value=median(ratios),
        low=min(ratios),
        high=max(ratios),
        ours=median(ours),
        theirs=median(theirs),
    )
