"""The address of a store: a URL, a path, or the user's own place when neither is given."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from .errors import InvalidURL

__all__ = ["URL_VARIABLE", "Address", "PostgresAddress", "SqliteAddress", "parse_address"]

URL_VARIABLE = "ARTIFACT_STORE_URL"


class SqliteAddress(NamedTuple):
    """A SQLite database file and how to open it.

    Attributes:
        path: the file; `None` is a database in memory.
        timeout: seconds to wait for a lock before giving up.
        synchronous: `"full"` survives a power cut; `"normal"` is quicker and may lose the last commits then.
    """

    path: Path | None
    timeout: float = 30.0
    synchronous: str = "full"

    @property
    def label(self) -> str:
        """What messages call the database."""
        return ":memory:" if self.path is None else str(self.path)


class PostgresAddress(NamedTuple):
    """A PostgreSQL database and how to reach it.

    Attributes:
        dsn: the URL for libpq, without the parameters below; it may hold a password, so it is never shown.
        url: the same without a password.
        timeout: seconds to wait for a lock, a connection of the pool or a lost server before giving up.
        pool_size: the most connections of one process.
        prepare_threshold: after how many runs a statement is prepared; `None` is never (for a transaction pooler).
        schema: the schema that holds the tables; `None` is the first of the search path.
        isolation_level: `"SERIALIZABLE"` or another level for every transaction; `None` is the server's.
    """

    dsn: str
    url: str
    timeout: float = 30.0
    pool_size: int = 20
    prepare_threshold: int | None = 5
    schema: str | None = None
    isolation_level: str | None = None

    def __repr__(self) -> str:
        """Show the URL without the password."""
        return f"PostgresAddress({self.url!r})"

    @property
    def label(self) -> str:
        """What messages call the database."""
        return self.url.partition("?")[0]


Address = SqliteAddress | PostgresAddress


def parse_address(url: str | os.PathLike[str] | None = None) -> Address:
    """Understand the address of a store.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite:///:memory:`, `postgresql://…` as
            libpq takes it, or a path object. `None` takes `$ARTIFACT_STORE_URL`, else `artifacts.db` in the
            user's data directory.

    Raises:
        InvalidURL: the address, or a parameter of it, is not understood.

    Examples:
        >>> parse_address("sqlite:///jobs.db?timeout=5").timeout
        5.0
        >>> parse_address("sqlite:///jobs.db?timeuot=5")
        Traceback (most recent call last):
        ...
        artifact_store.errors.InvalidURL: 'timeuot' is no parameter of a SQLite URL; did you mean 'timeout'?
        >>> parse_address("postgresql://me:secret@db.example.org/jobs?pool_size=4")
        PostgresAddress('postgresql://me:***@db.example.org/jobs?pool_size=4')
    """
    if url is None:
        url = os.environ.get(URL_VARIABLE) or _own_place()
    if isinstance(url, os.PathLike):
        return SqliteAddress(Path(url).absolute())
    if not isinstance(url, str):
        raise InvalidURL(f"{type(url).__name__} is no address: pass a URL such as sqlite:///artifacts.db, or a path.")
    scheme, colon, _ = url.partition("://")
    if not colon:
        raise InvalidURL(f"{_shown(url)!r} is no URL: write sqlite:///{_shown(url) or 'artifacts.db'} for a file.")
    if scheme in ("postgresql", "postgres"):
        return _postgres(url)
    if scheme != "sqlite":
        raise InvalidURL(f"The scheme {scheme!r} is not supported: write sqlite:///artifacts.db or postgresql://….")
    return _sqlite(url)


def _own_place() -> Path:
    from platformdirs import user_data_path

    return user_data_path("artifact-store", appauthor=False) / "artifacts.db"


def _shown(url: str) -> str:
    """Return an address without what may be a password."""
    user, at, rest = url.rpartition("@")
    return f"{user.partition(':')[0]}:***@{rest}" if at and ":" in user else url


def _sqlite(url: str) -> SqliteAddress:
    parts = urlsplit(url)
    if parts.netloc:
        raise InvalidURL(f"{_shown(url)!r} names a host: a file takes three slashes, as in sqlite:///artifacts.db.")
    if parts.fragment or "\0" in unquote(parts.path):
        raise InvalidURL(f"{_shown(url)!r} holds '#' or NUL: write '#' as %23 in a file's name.")
    name = unquote(parts.path)[1:]
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    for parameter in given:
        if parameter not in _SQLITE:
            from difflib import get_close_matches

            near = get_close_matches(parameter, _SQLITE, 1, 0)[0]
            raise InvalidURL(f"{parameter!r} is no parameter of a SQLite URL; did you mean {near!r}?")
    return SqliteAddress(None if name in ("", ":memory:") else Path(name).absolute(), **_parameters(given, _SQLITE))


def _postgres(url: str) -> PostgresAddress:
    """Take our parameters out of a URL; libpq understands the rest, several hosts included."""
    head, _, query = url.partition("?")
    given = parse_qsl(query, keep_blank_values=True)
    for_libpq = [(name, value) for name, value in given if name not in _POSTGRES]
    shown = [(name, "***" if "password" in name else value) for name, value in given]
    rest = head.partition("://")[2]
    credentials, at, place = rest.rpartition("@")
    user = credentials.partition(":")[0] + (":***" if ":" in credentials else "")
    options = _parameters(dict(given), _POSTGRES)
    return PostgresAddress(
        f"postgresql://{rest}" + (f"?{urlencode(for_libpq, quote_via=quote)}" if for_libpq else ""),
        f"postgresql://{user}{at}{place}" + (f"?{urlencode(shown, quote_via=quote, safe='/*')}" if shown else ""),
        **options,
    )


Parser = tuple[Callable[[str], object], str]


def _parameters(given: Mapping[str, str], known: Mapping[str, Parser]) -> dict[str, Any]:
    """Return our parameters among those of a URL, parsed."""
    parsed: dict[str, Any] = {}
    for name, (parse, meaning) in known.items():
        if name in given:
            try:
                parsed[name] = parse(given[name])
            except ValueError:
                raise InvalidURL(f"{name}={given[name]} is not understood: {name} takes {meaning}.") from None
    return parsed


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86_400:
        raise ValueError(text)
    return value


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        word = re.sub(r"[\s_-]+", " ", text.strip().lower())
        if word not in choices:
            raise ValueError(text)
        return word

    return parse


def _size(text: str) -> int:
    if not 1 <= int(text) <= 10_000:
        raise ValueError(text)
    return int(text)


def _threshold(text: str) -> int | None:
    if text.lower() == "none":
        return None
    if int(text) < 0:
        raise ValueError(text)
    return int(text)


def _identifier(text: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]{0,62}", text) is None:
        raise ValueError(text)
    return text


_SQLITE: dict[str, Parser] = {
    "timeout": (_seconds, "seconds from 0 to 86400"),
    "synchronous": (_one_of("full", "normal"), "full or normal"),
}
_POSTGRES: dict[str, Parser] = {
    "timeout": (_seconds, "seconds from 0 to 86400"),
    "pool_size": (_size, "a number of connections from 1 to 10000"),
    "prepare_threshold": (_threshold, "a number of runs, or none"),
    "schema": (_identifier, "the name of a schema: letters, digits and _"),
    "isolation_level": (
        lambda text: _one_of("serializable", "repeatable read", "read committed")(text).upper(),
        "serializable, repeatable read or read committed",
    ),
}
