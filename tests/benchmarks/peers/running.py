"""Drives the peers from the process of the store, so that the two are measured in turns."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from artifact_store import ArtifactFilter, ArtifactUpdate

from ..measure import Line, compared, in_turns, seconds_per_call
from ..ours import StoreSide
from ..places import Places
from . import serving

__all__ = ["PEERS", "built", "measured"]

ROOT = Path(__file__).parents[3]


class Peer(NamedTuple):
    """A program that keeps artifacts.

    Attributes:
        name: what it is called.
        module: the script that drives it, run in its own environment.
        requirements: what pip installs there.
        targets: how many times quicker the store is to be, by operation; "" is all others.
    """

    name: str
    module: str
    requirements: tuple[str, ...]
    targets: dict[str, float]


PEERS = (
    Peer(
        "prefect",
        "with_prefect",
        # A newer FastAPI or Starlette than the release was made for breaks its imports.
        ("prefect==3.8.8", "fastapi==0.139.*"),
        {"create": 20, "read latest": 20, "delete latest": 20, "": 1},
    ),
    Peer("ml-metadata", "with_ml_metadata", ("ml-metadata",), {"": 1}),
    Peer("mlflow", "with_mlflow", ("mlflow",), {"": 1}),
    Peer("trackio", "with_trackio", ("trackio",), {"": 1}),
)


def built(peer: Peer, directory: Path) -> str | None:
    """Return the interpreter of a peer, whose environment is made when it is missing; `None` when pip fails."""
    place = directory / peer.name
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
    known = subprocess.run([python, "-m", "pip", "show", "-q", peer.name], capture_output=True)
    if known.returncode:
        done = subprocess.run(
            [python, "-m", "pip", "install", "-q", *peer.requirements],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            print(
                f"{peer.name} cannot be installed: {done.stderr.strip().splitlines()[-1]}",
                file=sys.stderr,
            )
            return None
    return str(python)


class _Process:
    """A peer that runs and answers."""

    def __init__(self, peer: Peer, python: str, directory: Path) -> None:
        directory.mkdir()
        environment = {
            **os.environ,
            "HOME": str(directory),
            "PREFECT_HOME": str(directory),
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{directory}/prefect.db",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "TRACKIO_DIR": str(directory),
            "PYTHONWARNINGS": "ignore",
        }
        environment.pop("VIRTUAL_ENV", None)
        command = [python, "-m", f"{__package__}.{peer.module}", str(directory)]
        self._log = (directory / "log").open("w+")
        self._child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        told = self._answer()
        self.version, self.operations = told["version"], told["operations"]

    def _answer(self) -> Any:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            if line.startswith(serving.MARK):
                return json.loads(line.removeprefix(serving.MARK))
        self._log.seek(0)
        raise RuntimeError(f"the peer has ended: {self._log.read()[-2000:]}")

    def ask(self, name: str, turn: int) -> float:
        """Let the peer do a round of an operation; return the seconds that a call took."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{json.dumps([name, turn])}\n")
        self._child.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(timeout=60)
        self._log.close()


class _Store:
    """The same operations on a store."""

    def __init__(self, url: str) -> None:
        self.side = StoreSide(url)
        self.store = self.side.store
        self.ids = [
            self.side.create(serving.fields(at)).id for at in range(serving.KEYS * serving.VERSIONS)
        ]

    def arguments(self, name: str, turn: int) -> tuple[Callable[[Any], object], Sequence[Any]]:
        """Return what is called, and with what."""
        side, store = self.side, self.store
        of_turn = [self.ids[number] for number in serving.numbers(turn)]
        if name == "create":
            return side.create, [
                serving.fields(turn * serving.CALLS + at) for at in range(serving.CALLS)
            ]
        if name == "bulk 1,000":
            return store.create_artifacts, [[serving.fields(at) for at in range(1000)]]
        if name == "update":
            made = serving.fields(turn)
            change = ArtifactUpdate(description=made["description"], data=made["data"])
            return lambda artifact_id: store.update_artifact(artifact_id, change), of_turn
        simple: dict[str, tuple[Callable[[Any], object], Sequence[Any]]] = {
            "read by id": (side.read, of_turn),
            "read latest": (side.read_latest, serving.keys(turn)),
            "list 100, all": (side.list_all, [100] * 5),
            "list 100, latest": (side.list_latest, [100] * 5),
            "filtered list": (self._by_key, serving.keys(turn)),
            "count": (side.count, [None] * 5),
        }
        return (
            simple[name] if name in simple else (side.delete, side.latest_ids(serving.keys(turn)))
        )

    def _by_key(self, key: str) -> object:
        return self.store.read_artifacts(
            limit=100, artifact_filter=ArtifactFilter(key={"any_": [key]})
        )

    def seconds(self, name: str, turn: int) -> float:
        """Do a round of an operation; return the seconds that a call took."""
        return seconds_per_call(*self.arguments(name, turn))


def measured(
    places: Places,
    directory: Path,
    wanted: Callable[[str], bool],
    rounds: int,
    versions: dict[str, str],
) -> Iterator[Line]:
    """Measure the store beside every peer that can be had; `versions` is told which."""
    for peer in PEERS:
        if not wanted(peer.name) or (python := built(peer, directory)) is None:
            continue
        process = _Process(peer, python, places.directory() / peer.name)
        versions[peer.name] = process.version
        ours = _Store(places.new("sqlite"))
        for name in process.operations:
            ways = [partial(ours.seconds, name), partial(process.ask, name)]
            times = [each[1:] for each in in_turns(ways, rounds + 1)]
            target = peer.targets.get(name, peer.targets[""])
            yield compared(
                Line("peers", f"{name}, beside {peer.name}", "sqlite", 0, target, least=True),
                *times,
            )
        assert ours.store.verify() == []
        ours.side.close()
        process.close()
