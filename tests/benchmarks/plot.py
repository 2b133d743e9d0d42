"""Draws the ratios as an SVG, by hand: a plot needs no library that the project would have to install."""

from collections.abc import Sequence
from html import escape

from .measure import Line

__all__ = ["plotted"]

_COLOURS = {"sqlite": "#2f6f9f", "postgresql": "#c0722c"}
_LEFT, _WIDTH, _ROW, _BAR, _TOP = 230, 480, 34, 12, 56
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:bold;font-size:14px}"
    ".grid{stroke:#ddd}.one{stroke:#333}.target{stroke:#b00020;stroke-width:2}"
)


def plotted(lines: Sequence[Line], title: str) -> str:
    """Return a bar for each operation and engine, and a mark where its target is."""
    names = list(dict.fromkeys(line.name for line in lines))
    most = max([2.0, *(line.value * 1.1 for line in lines), *(line.target * 1.1 for line in lines)])
    height = _TOP + _ROW * len(names) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 60} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}</style>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text class="title" x="12" y="22">{escape(title)}</text>',
        *_legend(),
        *_grid(most, height),
    ]
    for row, name in enumerate(names):
        y = _TOP + _ROW * row
        parts.append(f'<text x="{_LEFT - 10}" y="{y + 18}" text-anchor="end">{escape(name)}</text>')
        for at, engine in enumerate(_COLOURS):
            parts += [
                _bar(line, y + 3 + at * (_BAR + 2), most)
                for line in lines
                if (line.name, line.engine) == (name, engine)
            ]
    return "\n".join([*parts, "</svg>", ""])


def _x(value: float, most: float) -> float:
    return round(_LEFT + _WIDTH * value / most, 1)


def _bar(line: Line, y: float, most: float) -> str:
    end, aim = _x(line.value, most), _x(line.target, most)
    bar = f'<rect x="{_LEFT}" y="{y}" width="{end - _LEFT:.1f}" height="{_BAR}" fill="{_COLOURS[line.engine]}"/>'
    mark = (
        f'<line class="target" x1="{aim}" x2="{aim}" y1="{y - 1}" y2="{y + _BAR + 1}"/>'
        if line.target
        else ""
    )
    return f'{bar}{mark}<text x="{max(end, aim) + 5}" y="{y + 10}" font-size="10">{line.value:.2f}</text>'


def _legend() -> list[str]:
    parts, x = [], _LEFT
    for engine, label in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL")):
        parts.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{_COLOURS[engine]}"/>')
        parts.append(f'<text x="{x + 17}" y="44">{label}</text>')
        x += 100
    parts.append(f'<line class="target" x1="{x + 6}" x2="{x + 6}" y1="33" y2="47"/>')
    return [*parts, f'<text x="{x + 17}" y="44">target</text>']


def _grid(most: float, height: float) -> list[str]:
    parts, value = [], 0.0
    while value <= most:
        x, kind = _x(value, most), "one" if value == 1 else "grid"
        parts.append(f'<line class="{kind}" x1="{x}" x2="{x}" y1="{_TOP}" y2="{height - 24}"/>')
        parts.append(f'<text x="{x}" y="{height - 8}" text-anchor="middle">{value:g}×</text>')
        value += 0.5
    return parts
