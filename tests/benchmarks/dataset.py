"""The rows of a store of any size, the same on every engine and in every run.

A tenth as many keys as artifacts, ten versions each, and a hundredth as many flow runs. Time
passes evenly. It is cut into ten eras: four in five keys get one version in each of them; the
fifth key is settled, has all its versions in one era and is never published again, so that some
latest artifacts are among the oldest rows. A flow run makes a hundred artifacts in a row.

What share of the flow runs a tag or the name of a flow matches is said by `SHARES`.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

__all__ = ["COLUMNS", "SHARES", "START", "Dataset", "payload"]

COLUMNS = {
    "flow": ("id", "name", "tags", "created", "updated"),
    "flow_run": ("id", "name", "flow_id", "state_type", "state_name", "tags", "created", "updated"),
    "artifact": (
        "id", "key", "version", "type", "description", "metadata", "flow_run_id", "task_run_id", "created", "updated",
        "data",
    ),
    "artifact_collection": ("key", "latest_id", "latest_version", "last_version", "created", "updated"),
}  # fmt: skip
"""The columns that are filled, by table, in the order in which rows hold them."""

SHARES = ("nothing", "0.4 %", "11 %", "everything", "the oldest 0.4 %", "the oldest 11 %")
"""What a related filter matches: the word is the tag, and the name of the flow, of the flow runs it matches."""

START = datetime(2025, 1, 1, tzinfo=UTC)
_TYPES = ("table", "markdown", "link", "progress", "table", "image", "result", "table")

Row = tuple[Any, ...]


def payload(number: int) -> dict[str, Any]:
    """Return a small table and its metadata, as a job would publish it."""
    regions = ("north", "south", "east", "west", "centre")
    return {
        "type": "table",
        "description": f"Sales by region, run {number}",
        "data": [{"region": name, "total": 12.5 * number + at, "orders": number} for at, name in enumerate(regions)],
        "metadata": {"team": "finance", "rows": 5, "checked": number % 2 == 0},
    }  # fmt: skip


class Dataset:
    """A store of `size` artifacts; `size` is a multiple of 500."""

    def __init__(self, size: int) -> None:
        """Take the size; rows are made when they are asked for."""
        if size < 500 or size % 500:
            raise ValueError(f"{size} is no multiple of 500")
        self.size, self.keys, self.runs = size, size // 10, max(size // 100, 1)

    def id(self, kind: int, number: int) -> UUID:
        """Return a UUIDv7 that sorts by number; `kind` keeps the tables apart."""
        milliseconds = int(START.timestamp() * 1000) + number
        return UUID(
            int=milliseconds << 80
            | 7 << 76
            | kind << 64
            | 2 << 62
            | number * 0x9E3779B97F4A7C15 % 2**62
        )

    def artifact_id(self, number: int) -> UUID:
        """Return the id of the artifact that was created as the `number`th."""
        return self.id(1, number)

    def key(self, index: int) -> str:
        """Return a key; the first fifth of them is settled."""
        return f"team-{index % 7}/report-{index:06d}"

    def place(self, number: int) -> tuple[int, int]:
        """Return the index of the key of an artifact, and its version."""
        settled, per_era = self.keys // 5, self.keys // 50
        era, position = divmod(number, self.keys)
        fifth, rest = divmod(position, 5)
        if rest == 0:
            return era * per_era + fifth // 10, fifth % 10 + 1
        return settled + position - fifth - 1, era + 1

    def shares(self, run: int) -> list[str]:
        """Return the tags of a flow run; the first says also which flow it belongs to."""
        found = ["everything"]
        if run % 9 == 4:
            found.insert(0, "11 %")
        if run % 250 == 7 % self.runs:
            found.insert(0, "0.4 %")
        if run < self.runs * 0.11:
            found.insert(0, "the oldest 11 %")
        if run < self.runs * 0.004:
            found.insert(0, "the oldest 0.4 %")
        return found

    def rows(self, table: str) -> Iterator[Row]:
        """Make the rows of a table."""
        makers = {
            "flow": self._flows,
            "flow_run": self._runs,
            "artifact": self._artifacts,
            "artifact_collection": self._pointers,
        }
        return makers[table]()

    def _times(self, number: int) -> tuple[datetime, datetime]:
        created = START + timedelta(seconds=number)
        return created, created + timedelta(
            seconds=number * 7919 % self.size if number % 10 == 0 else 0
        )

    def _flows(self) -> Iterator[Row]:
        for number, name in enumerate(SHARES):
            yield (self.id(2, number), name, "[]", START, START)

    def _runs(self) -> Iterator[Row]:
        for run in range(self.runs):
            created, tags = START + timedelta(seconds=100 * run), self.shares(run)
            flow = self.id(2, SHARES.index(tags[0]))
            yield (
                self.run_id(run),
                f"run-{run}",
                flow,
                "COMPLETED",
                "Completed",
                json.dumps(tags),
                created,
                created,
            )

    def run_id(self, run: int) -> UUID:
        """Return the id of a flow run."""
        return self.id(3, run)

    def _artifacts(self) -> Iterator[Row]:
        for number in range(self.size):
            index, version = self.place(number)
            made, (created, updated) = payload(number), self._times(number)
            yield (
                self.artifact_id(number), self.key(index), version, _TYPES[number * 31 % 97 % 8], made["description"],
                json.dumps(made["metadata"]), self.run_id(number * self.runs // self.size), None, created, updated,
                json.dumps(made["data"]),
            )  # fmt: skip

    def _pointers(self) -> Iterator[Row]:
        for number in range(self.size):
            index, version = self.place(number)
            if version == 10:
                yield (self.key(index), self.artifact_id(number), 10, 10, *self._times(number))
