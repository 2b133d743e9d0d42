"""Programs without source files: bytecode alone, one zip file, and what PyInstaller packs."""

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
# What a store on SQLite does not need, and what takes most of the time to pack.
NOT_PACKED = "numpy pandas polars PIL matplotlib IPython hypothesis mypy psycopg setuptools".split()
COMMANDS = "import sys\nfrom artifact_store_cli.__main__ import run\nsys.exit(run())\n"


def ran(command: list[str], *args: object, **environment: str) -> str:
    """Run a program away from the source; return what it prints."""
    given = [*command, *map(str, args)]
    done = subprocess.run(
        given,
        capture_output=True,
        text=True,
        timeout=120,
        cwd="/",
        env={**os.environ, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A directory with a copy of both packages."""
    place = tmp_path / "packages"
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "artifact_store", place / "artifact_store", ignore=without)
    shutil.copytree(ROOT / "cli", place / "artifact_store_cli", ignore=without)
    return place


def use(command: list[str], place: Path, **environment: str) -> None:
    """Make a store, read it and write its report, which takes modules, migrations and files of every kind."""
    url = f"sqlite:///{place}/store.db"
    assert "Published" in ran(command, "--url", url, "demo", **environment)
    assert "weather/summary@1" in ran(
        command, "--url", url, "show", "weather/summary", **environment
    )
    assert "healthy: 51 artifacts" in ran(command, "--url", url, "verify", **environment)
    assert "Wrote" in ran(
        command, "--url", url, "report", "-o", place / "report.html", **environment
    )
    assert re.fullmatch(
        r"artifact-store, version [0-9.]+\n", ran(command, "--version", **environment)
    )


def test_bytecode_alone(packages: Path, tmp_path: Path) -> None:
    assert compileall.compile_dir(packages, quiet=1, legacy=True)
    for source in packages.rglob("*.py"):
        source.unlink()
    found = "import artifact_store; print(artifact_store.__file__)"
    assert ran([sys.executable, "-c", found], PYTHONPATH=str(packages)).startswith(str(packages))
    use([sys.executable, "-m", "artifact_store_cli"], tmp_path, PYTHONPATH=str(packages))


def test_a_zipapp(packages: Path, tmp_path: Path) -> None:
    (packages / "__main__.py").write_text(COMMANDS, encoding="ascii")
    zipapp.create_archive(packages, tmp_path / "app.pyz")
    use([sys.executable, str(tmp_path / "app.pyz")], tmp_path)


def test_what_pyinstaller_packs(packages: Path, tmp_path: Path) -> None:
    pytest.importorskip(
        "PyInstaller", reason="PyInstaller is not installed: it comes with the extra 'test'"
    )
    (tmp_path / "app.py").write_text(COMMANDS, encoding="ascii")
    places = [f"--{name}path={tmp_path / name}" for name in ("dist", "work", "spec")]
    without = [f"--exclude-module={name}" for name in NOT_PACKED]
    packed = [
        sys.executable,
        "-m",
        "PyInstaller",
        "--noconfirm",
        "--log-level=ERROR",
        *places,
        *without,
    ]
    cache = {"PYINSTALLER_CONFIG_DIR": str(tmp_path / "cache")}
    # It does not see what is installed as editable.
    ran(packed, tmp_path / "app.py", PYTHONPATH=str(packages), **cache)
    use([str(tmp_path / "dist" / "app" / "app")], tmp_path)
