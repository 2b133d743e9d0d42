"""The history of a number: as a sparkline of characters, and as an SVG plot."""

import math
from collections.abc import Iterable, Sequence

from .context import Point
from .markup import Html, element
from .text import cell_text, escape_controls, number_text, short_number

__all__ = ["line_plot", "plot_words", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"


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
    low, high = _range(numbers)
    return "".join(
        " " if not math.isfinite(each) else _BARS[_step(each, low, high)] for each in numbers
    )


def _step(value: float, low: float, high: float) -> int:
    return 3 if low == high else min(int(_share(value, low, high) * 8), 7)


def _range(numbers: Sequence[float]) -> tuple[float, float]:
    finite = [each for each in numbers if math.isfinite(each)]
    return (min(finite), max(finite)) if finite else (0.0, 0.0)


def _share(value: float, low: float, high: float) -> float:
    """Return where a value lies between two others, from 0 to 1; their difference may be beyond a float."""
    if low == high:
        return 0.5
    return (value / 2 - low / 2) / (high / 2 - low / 2)


_TOP, _BOTTOM, _HEIGHT = 10.0, 92.0, 116  # pixels
_LEFT, _RIGHT = 17.0, 99.0  # percent of the width; what is left of it has room for the numbers


def line_plot(points: Sequence[Point], field: str, *, words: bool = True) -> Html:
    """Draw the history of a number as an SVG element that stands for itself.

    It is as wide as its place and its text keeps its size; colours are `currentColor` and the CSS variable
    `--artifact-store-accent`. A screen reader hears the range and the newest value.

    Args:
        points: version, time and value, oldest first; at most a few hundred are sensible.
        field: what the number is.
        words: write labels and tooltips into the drawing. A notebook that is not trusted takes away an SVG element
            and leaves its text behind, so there the words stand beside it.

    Examples:
        >>> from datetime import datetime, UTC
        >>> points = [Point(version, datetime(2026, 11, version, tzinfo=UTC), 3.0) for version in (1, 2)]
        >>> line_plot(points, "rows").startswith('<svg class="artifact-store-plot" role="img" aria-label="rows: ')
        True
    """
    low, high = _range([point.value for point in points])
    drawn = [point for point in points if math.isfinite(point.value)]
    summary = plot_words(points, field)
    # The lines stand in a drawing of their own, which is stretched to the width; circles and text are not.
    lines = element(
        "svg",
        *(_line(piece, points, low, high) for piece in _pieces(points)),
        width="100%",
        height=_HEIGHT,
        viewBox=f"0 0 100 {_HEIGHT}",
        preserveAspectRatio="none",
    )
    return element(
        "svg",
        element("title", _name(field)) if words else None,
        element("desc", summary) if words else None,
        *(_rule(y) for y in (_TOP, _BOTTOM)),
        lines,
        *(_dot(point, points, low, high, words) for point in drawn),
        *(_labels(drawn, points, low, high) if words else ()),
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
    low, high = _range([point.value for point in points])
    drawn = [point for point in points if math.isfinite(point.value)]
    return f"{_name(field)}: {_summary(drawn, low, high)}"


def _name(field: str) -> str:
    return escape_controls(cell_text(field))


def _summary(drawn: Sequence[Point], low: float, high: float) -> str:
    if not drawn:
        return "no numbers"
    last = drawn[-1]
    return (
        f"{number_text(last.value)} in version {last.version}; from {number_text(low)} to {number_text(high)} "
        f"over versions {drawn[0].version} to {last.version}"
    )


def _rule(y: float) -> Html:
    return element(
        "line",
        x1=f"{_LEFT:g}%",
        x2="100%",
        y1=f"{y:g}",
        y2=f"{y:g}",
        stroke="currentColor",
        stroke_opacity="0.18",
    )


def _position(
    point: Point, points: Sequence[Point], low: float, high: float
) -> tuple[float, float]:
    """Return where a point lies: percent of the width, and pixels from the top."""
    first, last = points[0].version, points[-1].version
    x = _LEFT + 1 + (_RIGHT - _LEFT - 1) * _share(point.version, first, last)
    return x, _BOTTOM - (_BOTTOM - _TOP) * _share(point.value, low, high)


def _pieces(points: Sequence[Point]) -> list[list[Point]]:
    """Return the runs of points that have a number; the line is broken between them."""
    pieces: list[list[Point]] = [[]]
    for point in points:
        if math.isfinite(point.value):
            pieces[-1].append(point)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if len(piece) > 1]


def _line(piece: Sequence[Point], points: Sequence[Point], low: float, high: float) -> Html:
    positions = (_position(point, points, low, high) for point in piece)
    return element(
        "polyline",
        points=" ".join(f"{x:.2f},{y:.1f}" for x, y in positions),
        fill="none",
        stroke="var(--artifact-store-accent, currentColor)",
        stroke_width=2,
        stroke_linejoin="round",
        vector_effect="non-scaling-stroke",
    )


def _dot(point: Point, points: Sequence[Point], low: float, high: float, words: bool) -> Html:
    x, y = _position(point, points, low, high)
    tooltip = (
        f"version {point.version} · {point.created:%Y-%m-%d %H:%M} · {number_text(point.value)}"
    )
    return element(
        "circle",
        element("title", tooltip) if words else None,
        data_version=point.version,
        cx=f"{x:.2f}%",
        cy=f"{y:.1f}",
        r=3,
        fill="var(--artifact-store-accent, currentColor)",
    )


def _labels(drawn: Sequence[Point], points: Sequence[Point], low: float, high: float) -> list[Html]:
    """Return the greatest and the least value at the left, and the first and the last version below."""
    if not drawn:
        return []
    middle = (_TOP + _BOTTOM) / 2
    labels = [_label("0", middle + 4 if low == high else _TOP + 4, "start", short_number(high))]
    if low != high:
        labels.append(_label("0", _BOTTOM + 4, "start", short_number(low)))
    labels.append(_label(f"{_LEFT:g}%", _HEIGHT - 6, "start", f"version {points[0].version}"))
    if len(points) > 1:
        labels.append(_label("100%", _HEIGHT - 6, "end", f"version {points[-1].version}"))
    return labels


def _label(x: str, y: float, anchor: str, text: str) -> Html:
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
