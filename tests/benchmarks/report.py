"""Writes the page: tables of ratios, a plot of them, and the machine and the versions they hold for."""

import importlib.metadata
import os
import platform
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .measure import Line
from .plot import plotted

__all__ = ["machine", "written"]

_ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "": ""}
_PACKAGES = ("artifact-store", "peewee", "pydantic", "pydantic-core", "psycopg", "uuid-utils")
_INTRODUCTION = """\
# Benchmarks

How fast the store is, as ratios: to the same work written by hand with `sqlite3` and `psycopg`, to other programs that
keep artifacts, and of a large store to a small one. `python -m tests.benchmarks` writes this page.

A ratio is the median over {rounds} rounds. In each round both sides make a batch of the same calls one after the
other, in one process and in alternating order, so that other load on the machine affects both. A batch is timed in ten
parts, of which the median counts. A ratio shows what the code costs; the times beside it hold for this machine only.
"""
_SECTIONS = {
    "operations": (
        "Beside the bare driver",
        """\
The hand-written side works on tables that a store has created, over one connection that stays open, and does what the
store promises: it creates UUIDv7 ids and times, dumps and loads JSON, reads every column, tracks the latest version in
the same transaction and is as durable. It returns tuples; the store returns validated values. An artifact has a table
of five rows and three columns, and three entries of metadata. The store starts with 10,000 artifacts under 1,000 keys.
On PostgreSQL a create is compared with one statement, and a bulk create with COPY.

Both databases are in memory-backed storage, so that a commit does not wait for a disk, unless the row says otherwise.
SQLite runs in WAL mode with `synchronous=FULL`. The PostgreSQL server is reached over a unix socket. It has
{settings}.
""",
    ),
    "peers": (
        "Beside other programs",
        """\
Each program runs in a separate process and environment, alternating with the store, on SQLite files in memory-backed
storage, and starts with 500 artifacts under 100 keys. Some do less in a call: trackio and Prefect commit with
`synchronous=NORMAL`, ml-metadata keeps no versions, and MLflow and trackio keep data in files of their own.
The ratio says how many times faster the store is.
""",
    ),
    "growth": (
        "As the store grows",
        """\
The store has a tenth as many keys and a hundredth as many flow runs as artifacts. Each ratio is to the same call in a
store of {base} artifacts. A keyset page is one from the middle of the list. A lineage has 120 artifacts and 2,430
edges; its store has three inputs for each artifact.
""",
    ),
    "related": (
        "Filters on the flow run",
        """\
The first hundred artifacts of the flow runs that have a tag, or whose flow has a name, compared with the first hundred
without a filter. The share says how many of the flow runs match; in the last rows the oldest ones match.
""",
    ),
    "care": (
        "Reading the whole store",
        "The computed query is the greatest version of each key, from the artifacts alone.\n",
    ),
    "waiting": (
        "Waiting for versions",
        """\
From the end of a create to the arrival in `store.watch` of another process: the slowest of six when a version comes
every few seconds, the 99th percentile when one comes every 20 ms. An idle watcher costs a part of a core.
""",
    ),
    "comparing": (
        "Comparing tables",
        """\
CPU time of `diff` beside `DataFrame.compare` of pandas: tables of 100,000 rows and ten columns, of which 1,000 cells
changed. Both sides begin with what their parser makes of the stored JSON: rows, and frames with their index. The store
returns every change, and tells 1 from 1.0. `python -m tests.benchmarks --only comparing --scale ''` measures
this alone.
""",
    ),
    "starting": (
        "Starting",
        "CPU time of a new interpreter whose modules are compiled.\n",
    ),
}


def machine(settings: Mapping[str, str], peers: Mapping[str, str]) -> dict[str, str]:
    """Return what the numbers hold for: the machine, and the versions of everything."""
    facts = {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
    }
    if settings:
        facts["PostgreSQL"] = settings["server_version"]
        facts["PostgreSQL's settings"] = ", ".join(
            f"{name}={value}" for name, value in settings.items() if name[:3] != "ser"
        )
    facts |= {name: importlib.metadata.version(name) for name in _PACKAGES}
    return facts | dict(peers)


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    names = [
        line.partition(":")[2].strip()
        for line in text.splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.machine()


def written(page: Path, lines: Sequence[Line], facts: Mapping[str, str], rounds: int) -> None:
    """Write the page, and the plot beside it."""
    picture = page.with_suffix(".svg")
    settings = facts.get("PostgreSQL's settings", "")
    parts = [_INTRODUCTION.format(rounds=f"at least {rounds}")]
    for section, (title, text) in _SECTIONS.items():
        of_section = [line for line in lines if line.section == section]
        if not of_section:
            continue
        values = {
            "settings": settings or "it was not started",
            "base": f"{max(line.base for line in of_section):,}",
        }
        parts.append(f"## {title}\n\n{text.format(**values)}")
        if section == "operations":
            picture.write_text(
                plotted(of_section, "Time of the store, the bare driver = 1"), encoding="utf-8"
            )
            parts.append(f"![Ratios of the store to the bare driver]({picture.name})\n")
        parts.append(_TABLES.get(section, _flat)(of_section))
    missed = [line for line in lines if line.missed]
    parts.append(f"## Targets\n\n{_verdict(missed, lines)}")
    parts.append("## The machine and the versions\n\n" + _table(("what", "which"), facts.items()))
    page.write_text("\n".join(parts), encoding="utf-8")


def _verdict(missed: Sequence[Line], lines: Sequence[Line]) -> str:
    aimed = sum(1 for line in lines if line.target)
    if not missed:
        return f"All {aimed} targets were met in this run.\n"
    rows = [(_named(line), _value(line), _aim(line)) for line in missed]
    met = aimed - len(missed)
    return f"{met} of {aimed} were met in this run. These were not:\n\n" + _table(
        ("what", "value", "target"), rows
    )


def _named(line: Line) -> str:
    size = f"{line.size:,} artifacts" if line.size else ""
    return ", ".join(filter(None, (line.name, _ENGINES[line.engine], size)))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    made = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in made) + "\n"


def _value(line: Line) -> str:
    digits = 2 if line.unit != "×" or line.value < 10 else 0
    value = f"{line.value:.{digits}f} {line.unit}".replace(" ×", "×")
    return f"**{value}**" if line.missed else value


def _aim(line: Line) -> str:
    unit = "" if line.unit == "×" else f" {line.unit}"
    return f"{'≥' if line.least else '≤'} {line.target:g}{unit}" if line.target else ""


def _time(seconds: float) -> str:
    if not seconds:
        return ""
    return (
        f"{seconds * 1e6:.1f} µs"
        if seconds < 1e-3
        else f"{seconds * 1e3:.1f} ms"
        if seconds < 1
        else f"{seconds:.2f} s"
    )


def _flat(lines: Sequence[Line]) -> str:
    """Return a table of a row for each line."""
    other = "the other, here"
    head = ("what", "engine", "ratio", "target", "rounds from – to", "the store, here", other)
    rows = [
        (
            line.name + (f", {line.size:,} artifacts" if line.size else ""), _ENGINES[line.engine],
            _value(line), _aim(line), f"{line.low:.2f} – {line.high:.2f}" if line.high else "",
            _time(line.ours), _time(line.theirs),
        )
        for line in lines
    ]  # fmt: skip
    return _table(head, rows)


def _by_size(lines: Sequence[Line]) -> str:
    """Return a table of a row for each operation and engine, and a column for each size."""
    sizes = sorted({line.size for line in lines})
    rows = []
    for name, engine in dict.fromkeys((line.name, line.engine) for line in lines):
        found = {line.size: line for line in lines if (line.name, line.engine) == (name, engine)}
        last = found[max(found)]
        values = [_value(found[size]) if size in found else "" for size in sizes]
        rows.append(
            (name, _ENGINES[engine], *values, _aim(last), _time(last.theirs), _time(last.ours))
        )
    columns = (
        (f"{lines[0].base:,}, here", f"{sizes[-1]:,}, here")
        if lines[0].base
        else ("without, here", "with, here")
    )
    head = ("what", "engine", *(f"{size:,}" for size in sizes), "target", *columns)
    return _table(head, rows)


_TABLES = {"growth": _by_size, "related": _by_size}
