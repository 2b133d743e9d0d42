"""How a peer is driven: a line names an operation and a round, the answer is the seconds that a call took.

This and everything it imports runs in the environment of the peer, where the store is not installed.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..dataset import payload

__all__ = ["CALLS", "KEYS", "VERSIONS", "fields", "key", "keys", "numbers", "serve"]

KEYS, VERSIONS, CALLS = 100, 5, 20
"""Each program starts with so many keys of so many versions, and is called so often in a round."""

MARK = "=> "


def key(number: int) -> str:
    """Return one of the keys."""
    return f"report-{number % KEYS:03d}"


def keys(turn: int) -> list[str]:
    """Return the keys of a round."""
    return [key(turn * CALLS + at) for at in range(CALLS)]


def fields(number: int) -> dict[str, Any]:
    """Return what is published as the `number`th artifact."""
    return {"key": key(number), **payload(number)}


def serve(version: str, operations: Mapping[str, Callable[[int], float]]) -> None:
    """Answer until the input ends."""
    answer({"version": version, "operations": list(operations)})
    for line in sys.stdin:
        name, turn = json.loads(line)
        answer(operations[name](turn))


def answer(value: Any) -> None:
    """Write an answer, marked, since a peer may print as well."""
    print(f"{MARK}{json.dumps(value)}", flush=True)


def numbers(turn: int) -> Sequence[int]:
    """Return the numbers of the artifacts of a round, all of which are there from the beginning."""
    return [(turn * CALLS + at) * 37 % (KEYS * VERSIONS) for at in range(CALLS)]
