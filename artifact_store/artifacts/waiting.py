"""Wait for new versions of keys by polling, without a thread or a message broker.

The versions of a key become visible in their order, because a create holds the lock of the row of
its key until it commits. So a position is one number for each key, and no version before it can
appear later. A round reads how far the keys have come, and then the versions in between.
"""

import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from ..clock import now
from ..db.artifact_tables import Artifact, ArtifactCollection
from ..db.dialects import encode_time
from ..db.statements import Query, Statements, slot
from ..errors import InvalidQuery
from ..schemas import artifacts as schemas
from . import key_locks, queries
from .pagination import ListingQuery

__all__ = [
    "AllKeys",
    "GivenKeys",
    "NewVersions",
    "Position",
    "WatchedKeys",
    "read_page",
    "refuse_in_block",
    "wait",
]

Position = dict[str, int]
"""The version of each key up to which everything was delivered."""

_SHORTEST_PAUSE = 0.005  # seconds
_LONGEST_PAUSE = 1.0
_GROWTH = 1.5
_COST = 5  # a pause takes at least so many times as long as the round before it
_WIDE_INTERVAL = 1.0  # seconds between two readings of many keys
_WIDE_COST = 300  # a reading of many keys takes at most 1/300 of the time
_PAGE_SIZE = 20  # versions that are held in memory at once
_COLUMNS = (ArtifactCollection.key, ArtifactCollection.last_version)


# --- One key ---


def wait(db: Statements, key: str, after: int, seconds: float | None) -> schemas.Artifact | None:
    """Wait until the latest version of a key is newer than another, and return it.

    Args:
        db: the statements of a store.
        key: the key.
        after: the version; 0 is any.
        seconds: how long to wait; `None` is for ever.

    Returns:
        The latest artifact; `None` if the time has passed.
    """
    refuse_in_block(db, "wait_for_artifact")
    deadline = math.inf if seconds is None else time.monotonic() + seconds
    pace = Pace()
    while True:
        pace.wait(deadline)
        began = time.monotonic()
        # The data of a version that is not newer may be large, so it is not read.
        version = key_locks.read_latest_version(db, key)
        if version is not None and version > after:
            artifact = queries.read_latest(db, key)
            if artifact is not None and (artifact.version or 0) > after:
                return artifact

        if time.monotonic() >= deadline:
            return None
        pace.note(began, found=False)


class Pace:
    """The pauses between rounds, which grow as long as nothing is found."""

    def __init__(self) -> None:
        """Let the first round begin at once."""
        self._pause = 0.0
        self._due = 0.0

    def wait(self, deadline: float = math.inf) -> None:
        """Sleep until the next round is due, or until a time of the monotonic clock."""
        left = min(self._due, deadline) - time.monotonic()
        if left > 0:
            time.sleep(left)

    def note(self, began: float, *, found: bool) -> None:
        """Say that a round has ended.

        Args:
            began: when the round began, by the monotonic clock.
            found: whether it has found something.
        """
        ended = time.monotonic()
        longer = 0.0 if found else min(self._pause * _GROWTH, _LONGEST_PAUSE)
        self._pause = max(longer, _SHORTEST_PAUSE)
        self._due = ended + max(self._pause, _COST * (ended - began))


# --- Many keys ---


class WatchedKeys(ABC):
    """The keys that are watched."""

    def __init__(self, db: Statements) -> None:
        """Take the statements of a store."""
        self._db = db

    @abstractmethod
    def read(self) -> Position:
        """Return the last version that each key has had, at least of the keys that have moved on."""


class GivenKeys(WatchedKeys):
    """Some keys; they need not exist yet."""

    def __init__(self, db: Statements, keys: Sequence[str]) -> None:
        """Take the keys."""
        super().__init__(db)
        self._values = {"keys": db.dialect.bind_list(keys)}

    def read(self) -> Position:
        """Return the last version of each key that has a row."""

        def build() -> Query:
            is_watched = self._db.dialect.is_in(ArtifactCollection.key, slot("keys"))
            return ArtifactCollection.select(*_COLUMNS).where(is_watched)

        return dict(self._db.fetch_all("waiting.given_keys", build, self._values))


class AllKeys(WatchedKeys):
    """All keys, also those that will be created.

    A round reads the keys that were updated in the last seconds, by an index. That would miss a
    block that commits late, or a writer whose clock is slow, so the keys of the last minutes, and
    all of them, are read now and then: every second, or less often if there are many.
    """

    def __init__(self, db: Statements) -> None:
        """Read all keys first."""
        super().__init__(db)
        self._last_read = 0.0
        self._windows = [
            Window(None, _WIDE_INTERVAL),
            Window(timedelta(minutes=10), _WIDE_INTERVAL),
            Window(timedelta(seconds=10), 0),
        ]

    def read(self) -> Position:
        """Return the last version of the keys that were updated within the widest window due."""
        began = time.monotonic()
        passed = timedelta(seconds=began - self._last_read)
        self._last_read = began
        window = next(each for each in self._windows if each.due <= began)

        found = self.read_window(window.length, passed)
        ended = time.monotonic()
        if window.interval:
            window.due = ended + max(window.interval, _WIDE_COST * (ended - began))
        return found

    def read_window(self, length: timedelta | None, passed: timedelta) -> Position:
        """Return the last version of the keys that were updated within a time, or of all."""
        if length is None:
            return dict(self._db.fetch_all("waiting.all_keys", all_query, {}))
        values = {"since": encode_time(now() - length - passed)}
        return dict(self._db.fetch_all("waiting.recent_keys", recent_query, values))


class Window:
    """How far back the keys are read, and when again."""

    def __init__(self, length: timedelta | None, interval: float) -> None:
        """Be due at once.

        Args:
            length: how far back; `None` is all keys.
            interval: how many seconds lie between two readings at least; 0 is every round.
        """
        self.length = length
        self.interval = interval
        self.due = 0.0


def all_query() -> Query:
    """Build the statement that reads the last version of every key."""
    return ArtifactCollection.select(*_COLUMNS)


def recent_query() -> Query:
    """Build the statement that reads the last version of the keys that were updated lately."""
    has_artifact = ArtifactCollection.latest_id.is_null(False)
    is_recent = ArtifactCollection.updated >= slot("since")
    return ArtifactCollection.select(*_COLUMNS).where(has_artifact, is_recent)


class NewVersions(Iterator[schemas.Artifact]):
    """Every version after a position, those of a key in order; it waits for more.

    After an error, such as a server that restarts, the next version can be asked for again.
    """

    def __init__(
        self,
        db: Statements,
        keys: WatchedKeys,
        position: Position,
        start: int,
        listing: ListingQuery,
    ) -> None:
        """Begin at a position.

        Args:
            db: the statements of a store.
            keys: the keys that are watched.
            position: the version of each key after which to begin; it is changed.
            start: the version after which to begin with a key that has no position.
            listing: the condition that the artifacts must satisfy.
        """
        self._db = db
        self._keys = keys
        self._position = position
        self._start = start
        self._listing = listing
        self._pace = Pace()
        self._behind: deque[tuple[str, int]] = deque()  # keys, and how far they have come
        self._page: Page | None = None
        self._given: schemas.Artifact | None = None

    def __next__(self) -> schemas.Artifact:
        """Return the next version, and wait until there is one.

        A signal handler may raise anywhere in here. So what was read is kept until it was given,
        and each step can be repeated.

        Raises:
            InvalidQuery: it is called inside a block or a snapshot.
        """
        refuse_in_block(self._db, "watch")
        self._pass_given()
        while self._page is None:
            if self._behind:
                self._read_page()
            else:
                self._look()
        self._given = self._page.artifacts[0]
        return self._given  # only between these two lines could a handler lose it

    def _pass_given(self) -> None:
        """Move the position past what was given last."""
        page, given = self._page, self._given
        if page is None:
            return
        if given is not None:
            self._position[page.key] = given.version or page.end
            if page.artifacts and page.artifacts[0] is given:
                page.artifacts.popleft()
            self._given = None
        if not page.artifacts:
            self._end_page(page)

    def _end_page(self, page: "Page") -> None:
        """Move the position past a page, and let the next key have its turn."""
        self._position[page.key] = page.end
        if self._behind and self._behind[0] == (page.key, page.last):
            if page.end == page.last:
                self._behind.popleft()
            else:
                self._behind.rotate(-1)
        self._page = None

    def _look(self) -> None:
        """Find the keys that have new versions, once the next round is due."""
        self._pace.wait()
        began = time.monotonic()
        found = self._keys.read()
        behind = ((key, last) for key, last in found.items() if last > self._position_of(key))
        self._behind = deque(behind)
        self._pace.note(began, found=bool(self._behind))

    def _read_page(self) -> None:
        """Read the next versions of the first key that has some."""
        key, last = self._behind[0]
        found = read_page(self._db, self._listing, key, self._position_of(key), last)
        end = last
        if len(found) == _PAGE_SIZE:
            end = found[-1].version or last
        page = Page(key, last, end, deque(found))
        if found:
            self._page = page
        else:
            self._end_page(page)

    def _position_of(self, key: str) -> int:
        return self._position.get(key, self._start)


class Page(NamedTuple):
    """Some versions of a key that were read.

    Attributes:
        key: the key.
        last: how far the key has come.
        end: the version up to which nothing else is to be read.
        artifacts: those that were not given yet.
    """

    key: str
    last: int
    end: int
    artifacts: deque[schemas.Artifact]


def read_page(
    db: Statements, listing: ListingQuery, key: str, after: int, last: int
) -> list[schemas.Artifact]:
    """Return the first of some versions of a key."""

    def build() -> Query:
        in_range = (Artifact.version > slot("after")) & (Artifact.version <= slot("last"))
        query = listing.select(db).where(Artifact.key == slot("watched_key"), in_range)
        return query.order_by(Artifact.version).limit(_PAGE_SIZE)

    values: Mapping[object, object] = {
        **listing.values,
        "watched_key": key,
        "after": after,
        "last": last,
    }
    rows = db.fetch_all(("waiting.page", listing.condition), build, values)
    return queries.ROWS.values(rows)


def refuse_in_block(db: Statements, method: str) -> None:
    """Refuse to wait inside a block or a snapshot.

    Raises:
        InvalidQuery: this thread is inside one.
    """
    if db.engine.in_block():
        raise InvalidQuery(
            f"{method} cannot wait inside store.atomic() or store.snapshot(), "
            "where what others publish may not be seen: leave the block first."
        )
