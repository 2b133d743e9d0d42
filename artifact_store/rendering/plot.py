"""The history of a number: as a sparkline of characters, and as an SVG plot."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .context import Point
from .markup import Html, element
from .text import cell_text, escape_controls, number_text, short_number

__all__ = ["line_plot", "plot_words", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
_MIDDLE_BAR = 3

# The size of a plot: pixels from the top, and percent of the width. Left of it stand the numbers.
_TOP = 10.0
_BOTTOM = 92.0
_HEIGHT = 116
_LEFT = 17.0
_RIGHT = 99.0

_ACCENT = Html("var(--artifact-store-accent, currentColor)")


class Scale(NamedTuple):
    """What the edges of a plot stand for.

    Attributes:
        first: the oldest version.
        last: the newest version.
        low: the least number.
        high: the greatest number.
    """

    first: int
    last: int
    low: float
    high: float

    @classmethod
    def of(cls, points: Sequence[Point]) -> "Scale":
        """Return the scale that shows all of some points."""
        if not points:
            return cls(0, 0, 0.0, 0.0)
        low, high = limits(point.value for point in points)
        return cls(points[0].version, points[-1].version, low, high)

    def x(self, version: int) -> float:
        """Return where a version lies, in percent of the width."""
        left = _LEFT + 1
        return left + (_RIGHT - left) * share(version, self.first, self.last)

    def y(self, value: float) -> float:
        """Return where a number lies, in pixels from the top."""
        return _BOTTOM - (_BOTTOM - _TOP) * share(value, self.low, self.high)


def sparkline(values: Iterable[float]) -> str:
    """Draw numbers as a line of bars; NaN and the infinities are gaps.

    Args:
        values: the numbers, from left to right.

    Returns:
        A character for each number.

    Examples:
        >>> sparkline([1, 2, 3, 4, 5, 6, 7, 8]), sparkline([3, 3]), sparkline([0, float("nan"), 1]), sparkline([])
        ('▁▂▃▄▅▆▇█', '▄▄', '▁ █', '')
    """
    try:
        numbers = [float(value) for value in values]
    except (ValueError, OverflowError) as error:
        raise TypeError(f"sparkline takes numbers that a float can hold: {error}.") from None

    low, high = limits(numbers)
    bars = []
    for number in numbers:
        if not math.isfinite(number):
            bars.append(" ")
        elif low == high:
            bars.append(_BARS[_MIDDLE_BAR])
        else:
            level = int(share(number, low, high) * len(_BARS))
            bars.append(_BARS[min(level, len(_BARS) - 1)])
    return "".join(bars)


def limits(numbers: Iterable[float]) -> tuple[float, float]:
    """Return the least and the greatest finite number; zeros if there is none."""
    finite = [number for number in numbers if math.isfinite(number)]
    if not finite:
        return 0.0, 0.0
    return min(finite), max(finite)


def share(value: float, low: float, high: float) -> float:
    """Return where a value lies between two others, from 0 to 1."""
    if low == high:
        return 0.5
    # Halves, since the difference may be more than a float can hold.
    return (value / 2 - low / 2) / (high / 2 - low / 2)


def line_plot(points: Sequence[Point], field: str, *, words: bool = True) -> Html:
    """Draw the history of a number as an SVG element.

    It is as wide as its container and its text keeps its size; colours are `currentColor` and the CSS
    variable `--artifact-store-accent`. A screen reader reads out the range and the newest value.

    Args:
        points: version, time and value, oldest first; at most a few hundred are sensible.
        field: what the number is.
        words: write labels and tooltips into the drawing. A notebook that is not trusted removes an SVG
            element and leaves its text behind, so there the words stand beside it.

    Examples:
        >>> from datetime import datetime, UTC
        >>> points = [Point(version, datetime(2026, 11, version, tzinfo=UTC), 3.0) for version in (1, 2)]
        >>> line_plot(points, "rows").startswith('<svg class="artifact-store-plot" role="img" aria-label="rows: ')
        True
    """
    scale = Scale.of(points)
    summary = plot_words(points, field)
    drawn = [point for point in points if math.isfinite(point.value)]

    children: list[Html] = []
    if words:
        children += [element("title", field_name(field)), element("desc", summary)]
    children += [rule(_TOP), rule(_BOTTOM), lines(points, scale)]
    children += [dot(point, scale, words) for point in drawn]
    if words and drawn:
        children += labels(scale)
    return element(
        "svg",
        *children,
        class_="artifact-store-plot",
        role="img",
        aria_label=summary,
        width="100%",
        height=_HEIGHT,
        overflow="visible",
        xmlns="http://www.w3.org/2000/svg",
    )


def plot_words(points: Sequence[Point], field: str) -> str:
    """Return what a plot shows in words: the newest value, and the range.

    Examples:
        >>> from datetime import datetime, UTC
        >>> plot_words([Point(version, datetime(2026, 11, 1, tzinfo=UTC), version / 2) for version in (1, 2)], "loss")
        'loss: 1 in version 2; from 0.5 to 1 over versions 1 to 2'
    """
    drawn = [point for point in points if math.isfinite(point.value)]
    if not drawn:
        return f"{field_name(field)}: no numbers"

    first = drawn[0].version
    last = drawn[-1].version
    newest = number_text(drawn[-1].value)
    low, high = limits(point.value for point in drawn)
    return (
        f"{field_name(field)}: {newest} in version {last}; "
        f"from {number_text(low)} to {number_text(high)} over versions {first} to {last}"
    )


def field_name(field: str) -> str:
    """Return the name of a number, as it is shown."""
    return escape_controls(cell_text(field))


def rule(y: float) -> Html:
    """Return a horizontal line."""
    return element(
        "line",
        x1=f"{_LEFT:g}%",
        x2="100%",
        y1=f"{y:g}",
        y2=f"{y:g}",
        stroke="currentColor",
        stroke_opacity="0.18",
    )


def lines(points: Sequence[Point], scale: Scale) -> Html:
    """Return the lines between the points.

    They are a drawing of their own, which is stretched to the width; circles and text are not.
    """
    return element(
        "svg",
        *[line(piece, scale) for piece in pieces(points)],
        width="100%",
        height=_HEIGHT,
        viewBox=f"0 0 100 {_HEIGHT}",
        preserveAspectRatio="none",
    )


def pieces(points: Sequence[Point]) -> list[list[Point]]:
    """Return the sequences of points that have a number; the line is broken between them."""
    result: list[list[Point]] = [[]]
    for point in points:
        if math.isfinite(point.value):
            result[-1].append(point)
        elif result[-1]:
            result.append([])
    return [piece for piece in result if len(piece) > 1]


def line(piece: Sequence[Point], scale: Scale) -> Html:
    """Return the line through some points."""
    positions = [f"{scale.x(point.version):.2f},{scale.y(point.value):.1f}" for point in piece]
    return element(
        "polyline",
        points=" ".join(positions),
        fill="none",
        stroke=_ACCENT,
        stroke_width=2,
        stroke_linejoin="round",
        vector_effect="non-scaling-stroke",
    )


def dot(point: Point, scale: Scale, words: bool) -> Html:
    """Return a circle for one point, with its tooltip."""
    tooltip = None
    if words:
        created = point.created.isoformat(" ")[:16]  # to the minute; `strftime` takes longer
        text = f"version {point.version} · {created} · {number_text(point.value)}"
        tooltip = element("title", text)
    return element(
        "circle",
        tooltip,
        data_version=point.version,
        cx=f"{scale.x(point.version):.2f}%",
        cy=f"{scale.y(point.value):.1f}",
        r=3,
        fill=_ACCENT,
    )


def labels(scale: Scale) -> list[Html]:
    """Return the greatest and the least value at the left, and the first and the last version below."""
    result = []
    half_line = 4  # pixels: half the height of the text, which stands on its y
    if scale.low == scale.high:
        middle = (_TOP + _BOTTOM) / 2
        result.append(label("0", middle + half_line, "start", short_number(scale.high)))
    else:
        result.append(label("0", _TOP + half_line, "start", short_number(scale.high)))
        result.append(label("0", _BOTTOM + half_line, "start", short_number(scale.low)))

    y = _HEIGHT - 6
    result.append(label(f"{_LEFT:g}%", y, "start", f"version {scale.first}"))
    if scale.first != scale.last:
        result.append(label("100%", y, "end", f"version {scale.last}"))
    return result


def label(x: str, y: float, anchor: str, text: str) -> Html:
    """Return a text of the drawing."""
    return element(
        "text",
        text,
        x=x,
        y=f"{y:g}",
        text_anchor=anchor,
        font_size=11,
        fill="currentColor",
        fill_opacity="0.75",
    )
