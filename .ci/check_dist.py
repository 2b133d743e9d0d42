"""Hold the file lists of a wheel and a source distribution against the working tree."""

import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOUSE = {
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "setup.cfg",
    "pyproject.toml",
    "mkdocs.yml",
}


def tree(*folders: str) -> set[str]:
    """Name the files below some folders, without what Python leaves behind."""
    paths = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in paths if "__pycache__" not in path.parts}


def problems(wheel: str, sdist: str) -> Iterator[str]:
    """Say what is missing from either, and what the wheel would install besides the two packages."""
    with zipfile.ZipFile(wheel) as archive:
        installed = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = tree("artifact_store") | {f"artifact_store_{name}" for name in tree("cli")}
    yield from (f"the wheel lacks {name}" for name in sorted(wanted - installed))
    yield from (f"the wheel should not hold {name}" for name in sorted(installed - wanted))
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    for name in sorted((HOUSE | tree("artifact_store", "cli", "tests", "docs", ".ci")) - packed):
        yield f"the source distribution lacks {name}"


if __name__ == "__main__":
    sys.exit("\n".join(problems(*sys.argv[1:])) or None)
