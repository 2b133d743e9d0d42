"""Programs without source files: bytecode only, one zip file, and what PyInstaller packs."""

import compileall
import os
import re
import shutil
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# A store on SQLite does not need these, and they take most of the time to pack.
NOT_PACKED = "numpy pandas polars PIL matplotlib IPython hypothesis mypy psycopg setuptools".split()
COMMANDS = "import sys\nfrom artifact_store_cli.__main__ import run\nsys.exit(run())\n"


def output_of(command: list[str], *args: object, **environment: str) -> str:
    """Run a program in a directory without the source and return what it prints."""
    result = subprocess.run(
        [*command, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
        env={**os.environ, **environment},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A directory with a copy of both packages."""
    directory = tmp_path / "packages"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "artifact_store", directory / "artifact_store", ignore=ignore)
    shutil.copytree(ROOT / "cli", directory / "artifact_store_cli", ignore=ignore)
    return directory


def check_program(command: list[str], directory: Path, **environment: str) -> None:
    """Create a store, read it and write a report, which needs modules, migrations and data files."""

    def run(*args: object) -> str:
        return output_of(command, *args, **environment)

    url = f"sqlite:///{directory}/store.db"
    assert "Published" in run("--url", url, "demo")
    assert "weather/summary@1" in run("--url", url, "show", "weather/summary")
    assert "healthy: 51 artifacts" in run("--url", url, "verify")
    assert "Wrote" in run("--url", url, "report", "-o", directory / "report.html")
    assert re.fullmatch(r"artifact-store, version [0-9.]+\n", run("--version"))


def test_bytecode_only(packages: Path, tmp_path: Path) -> None:
    assert compileall.compile_dir(packages, quiet=1, legacy=True)
    for source in packages.rglob("*.py"):
        source.unlink()

    code = "import artifact_store; print(artifact_store.__file__)"
    path = output_of([sys.executable, "-c", code], PYTHONPATH=str(packages))
    assert path.startswith(str(packages))
    command = [sys.executable, "-m", "artifact_store_cli"]
    check_program(command, tmp_path, PYTHONPATH=str(packages))


def test_a_zipapp(packages: Path, tmp_path: Path) -> None:
    (packages / "__main__.py").write_text(COMMANDS, encoding="ascii")
    zipapp.create_archive(packages, tmp_path / "app.pyz")
    check_program([sys.executable, str(tmp_path / "app.pyz")], tmp_path)


def test_a_program_packed_with_pyinstaller(packages: Path, tmp_path: Path) -> None:
    reason = "PyInstaller is not installed: it comes with the extra 'test'"
    pytest.importorskip("PyInstaller", reason=reason)
    (tmp_path / "app.py").write_text(COMMANDS, encoding="ascii")

    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level=ERROR"]
    command += [f"--{name}path={tmp_path / name}" for name in ("dist", "work", "spec")]
    command += [f"--exclude-module={name}" for name in NOT_PACKED]
    cache = {"PYINSTALLER_CONFIG_DIR": str(tmp_path / "cache")}
    # PYTHONPATH, because PyInstaller does not see an editable installation.
    output_of(command, tmp_path / "app.py", PYTHONPATH=str(packages), **cache)

    check_program([str(tmp_path / "dist" / "app" / "app")], tmp_path)
