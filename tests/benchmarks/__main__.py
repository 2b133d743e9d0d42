"""The command line: ``python -m tests.benchmarks --help``."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from . import comparing, lineage, operations, report, scale, starting, waiting
from .measure import Line
from .peers import running
from .places import Places

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Measure what the store costs."
    )
    engines = ("both", *operations.ENGINES)
    parser.add_argument(
        "--engine", choices=engines, default="both", help="the database engines to measure on"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="TEXT",
        help="measure only what has TEXT in its name, or the section TEXT",
    )
    parser.add_argument(
        "--rounds", type=int, default=21, help="rounds of each comparison, 7 or more"
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help="measure other programs too; makes their environments when they are missing",
    )
    cache = Path(tempfile.gettempdir()) / "peers"
    parser.add_argument(
        "--peers-directory",
        type=Path,
        default=cache,
        metavar="DIR",
        help="where those environments are",
    )
    parser.add_argument(
        "--scale",
        default="10000,100000,1000000",
        metavar="SIZES",
        help="numbers of artifacts, '' for none",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="seven rounds, and stores of 2,000 and 10,000 artifacts",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the page to write; by default docs/benchmarks.md, unless --quick or --only",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FILE",
        help="add to the numbers in FILE, so that parts can be measured again",
    )
    given = parser.parse_args()
    if given.rounds < 7:
        parser.error("--rounds: a median of fewer than 7 rounds says little")
    if given.quick:
        given.rounds, given.scale = 7, "2000,10000"
    return given


def measured(given: argparse.Namespace, places: Places, versions: dict[str, str]) -> Iterator[Line]:
    """Measure everything that was asked for."""
    engines = operations.ENGINES if given.engine == "both" else (given.engine,)

    def wanted(section: str) -> Callable[[str], bool]:
        return lambda name: (
            not given.only or any(text == section or text in name for text in given.only)
        )

    for engine in engines:
        yield from operations.measured(places, engine, wanted("operations"), given.rounds)
    if given.peers:
        yield from running.measured(
            places, given.peers_directory, wanted("peers"), given.rounds, versions
        )
    for engine in engines:
        yield from waiting.measured(places, engine, wanted("waiting"))
    yield from comparing.measured(wanted("comparing"), given.rounds)
    yield from starting.measured(wanted("starting"), given.rounds)
    sizes = [int(size) for size in given.scale.split(",") if size]
    for engine in engines if sizes else ():
        yield from scale.measured(places, engine, sizes, wanted, min(given.rounds, 9))
        yield from lineage.measured(places, engine, sizes, wanted("growth"), min(given.rounds, 9))


def main() -> int:
    """Measure, print each number as it comes, and write the page; tell whether every target was met."""
    given = arguments()
    kept: dict[tuple[object, ...], Line] = {}
    facts: dict[str, str] = {}
    if given.keep and given.keep.exists():
        saved = json.loads(given.keep.read_text(encoding="utf-8"))
        facts, lines = saved["facts"], [Line(*line) for line in saved["lines"]]
        kept = {(line.section, line.name, line.engine, line.size): line for line in lines}
    versions: dict[str, str] = {}
    with Places() as places:
        for line in measured(given, places, versions):
            print(line.text(), flush=True)
            kept[line.section, line.name, line.engine, line.size] = line
        facts |= report.machine(places.settings, versions)
    if given.keep:
        given.keep.write_text(
            json.dumps({"facts": facts, "lines": list(kept.values())}), encoding="utf-8"
        )
    page = given.output or (None if given.quick or given.only else PAGE)
    if page is not None:
        report.written(page, list(kept.values()), facts, 7)
    return any(line.missed for line in kept.values())


if __name__ == "__main__":
    sys.exit(main())
