"""Compare the files of a wheel and a source distribution with the working tree."""

import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOT_FILES = {
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "setup.cfg",
    "pyproject.toml",
    "mkdocs.yml",
}


def tree(*folders: str) -> set[str]:
    """Return the files below some folders, without the bytecode that Python writes."""
    names = set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                names.add(path.relative_to(ROOT).as_posix())
    return names


def problems(wheel: str, sdist: str) -> Iterator[str]:
    """Yield what is missing from either, and what the wheel has besides the two packages."""
    with zipfile.ZipFile(wheel) as archive:
        installed = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = tree("artifact_store") | {f"artifact_store_{name}" for name in tree("cli")}
    for name in sorted(expected - installed):
        yield f"the wheel lacks {name}"
    for name in sorted(installed - expected):
        yield f"the wheel should not contain {name}"

    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    expected = ROOT_FILES | tree("artifact_store", "cli", "tests", "docs", ".ci")
    for name in sorted(expected - packed):
        yield f"the source distribution lacks {name}"


if __name__ == "__main__":
    sys.exit("\n".join(problems(*sys.argv[1:])) or None)
