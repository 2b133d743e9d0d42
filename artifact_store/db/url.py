"""Parses the address of a store: a URL, a path, or nothing, which means the default file of the user.

An address may hold a password, and an invalid one may hold it anywhere. So no error repeats what follows the scheme.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from ..errors import InvalidURL

__all__ = [
    "URL_VARIABLE",
    "Address",
    "PostgresAddress",
    "SqliteAddress",
    "default_path",
    "did_you_mean",
    "parse_address",
]

URL_VARIABLE = "ARTIFACT_STORE_URL"


class SqliteAddress(NamedTuple):
    """A SQLite database file and how to open it.

    Attributes:
        path: the file; `None` is a database in memory.
        timeout: seconds to wait for a lock before giving up.
        synchronous: `"full"` survives a power cut; `"normal"` is quicker and may lose the last commits then.
        read_only: whether nothing may be written.
    """

    path: Path | None
    timeout: float = 30.0
    synchronous: str = "full"
    read_only: bool = False

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
        read_only: whether nothing may be written.
    """

    dsn: str
    url: str
    timeout: float = 30.0
    pool_size: int = 20
    prepare_threshold: int | None = 5
    schema: str | None = None
    isolation_level: str | None = None
    read_only: bool = False

    def __repr__(self) -> str:
        """Show the URL without the password."""
        return f"PostgresAddress({self.url!r})"

    @property
    def label(self) -> str:
        """What messages call the database."""
        return self.url.partition("?")[0]


Address = SqliteAddress | PostgresAddress


def parse_address(url: str | os.PathLike[str] | None = None) -> Address:
    """Parse the address of a store.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite:///~/in-my-home.db`, `sqlite:///:memory:`,
            `postgresql://…` as libpq takes it, or a path object. `None` takes `$ARTIFACT_STORE_URL`, else
            `artifacts.db` in the user's data directory.

    Raises:
        InvalidURL: the address, or one of its parameters, is invalid.

    Examples:
        >>> parse_address("sqlite:///jobs.db?timeout=5").timeout
        5.0
        >>> parse_address("sqlite:///jobs.db?timeuot=5")
        Traceback (most recent call last):
        ...
        artifact_store.errors.InvalidURL: Unknown parameter in the SQLite URL: did you mean 'timeout'?
        >>> parse_address("postgresql://me:secret@db.example.org/jobs?pool_size=4")
        PostgresAddress('postgresql://me:***@db.example.org/jobs?pool_size=4')
    """
    if url is not None:
        return _parsed(url)
    named = os.environ.get(URL_VARIABLE)
    if not named:
        return SqliteAddress(default_path())
    try:
        return _parsed(named)
    except InvalidURL as error:
        message = f"${URL_VARIABLE} is not a valid address: {error}"
    raise InvalidURL(message)


def _parsed(url: object) -> Address:
    if isinstance(url, os.PathLike):
        path = os.fspath(url)
        if not isinstance(path, str):
            raise InvalidURL("Invalid path: expected a path of text, not of bytes.")
        return SqliteAddress(_file(path, expand=True))
    if not isinstance(url, str):
        raise InvalidURL(
            f"Invalid address: expected a URL such as sqlite:///artifacts.db, or a path, not {type(url).__name__}."
        )
    if any(ord(character) < 32 or ord(character) == 127 for character in url):
        raise InvalidURL("The URL contains a line break or another control character: remove it.")
    scheme, colon, rest = url.partition("://")
    if not colon or re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,30}", scheme) is None:
        raise InvalidURL(_not_a_url(url))
    if scheme in ("postgresql", "postgres"):
        return _postgres(rest)
    if scheme != "sqlite":
        raise InvalidURL(f"The scheme {scheme!r} is not supported: {_EXAMPLES}.")
    return _sqlite(rest)


def default_path() -> Path:
    """Return the file of the default store.

    Raises:
        InvalidURL: the user has no home directory.
    """
    from platformdirs import user_data_path

    try:
        place = user_data_path("artifact-store", appauthor=False)
    except RuntimeError:
        place = Path()
    if not place.is_absolute():
        raise InvalidURL(
            f"There is no home directory for the default store: name a store with ${URL_VARIABLE}, or set $HOME."
        )
    return place / "artifacts.db"


def _not_a_url(text: str) -> str:
    """Say what to write; only what is surely the name of a file is repeated."""
    if text == ":memory:" or re.fullmatch(r"[\w./~ -]*(\.db|\.sqlite3?)|/[\w./ -]+", text):
        return f"Invalid URL {text!r}: write sqlite:///{text} for a file."
    return f"The address is not a URL: {_EXAMPLES}."


_EXAMPLES = "write sqlite:///artifacts.db for a file, or postgresql://user:password@host/database"


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return `did you mean …?` for a name that is not known, `None` when no known one is near."""
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), list(known), 1)
    return f"did you mean {near[0]!r}?" if near else None


def _text(part: str, kind: str) -> str:
    """Return a part of a URL as it is meant, without percent-encoding."""
    try:
        # What came from the command line or the environment and is not UTF-8 stands there as surrogates.
        text = unquote_to_bytes(part.encode("utf-8")).decode("utf-8")
    except UnicodeError:
        text = "\0"
    if _UNREADABLE.search(text) or re.search(r"%(?![0-9A-Fa-f]{2})", part):
        raise InvalidURL(
            f"The {kind} URL is not UTF-8 text, or contains a control character: write '%' itself as %25."
        )
    return text


_UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def _file(name: str, expand: bool) -> Path:
    """Return the absolute path of a file, so that a later change of the working directory does not matter."""
    if _UNREADABLE.search(name):
        raise InvalidURL(
            "The path is not UTF-8 text, or contains a control character: rename the file or directory."
        )
    path = Path(name)
    if not expand or not name.startswith("~"):
        return path.absolute()
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        message = "Cannot expand '~', because there is no home directory: write the whole path, or set $HOME."
    raise InvalidURL(message)


def _sqlite(rest: str) -> SqliteAddress:
    place, _, query = rest.partition("?")
    if place and not place.startswith("/"):
        raise InvalidURL(
            "A SQLite URL has no host: a file takes three slashes, as in sqlite:///artifacts.db."
        )
    if "#" in place:
        raise InvalidURL("The SQLite URL contains '#': write it as %23 in the name of a file.")
    given = dict(_pairs(query, "SQLite"))
    for name in given:
        if name not in _SQLITE:
            remedy = did_you_mean(name, _SQLITE) or f"it takes {', '.join(_SQLITE)}."
            raise InvalidURL(f"Unknown parameter in the SQLite URL: {remedy}")
    name = _text(place, "SQLite")[1:]
    path = None if name in ("", ":memory:") else _file(name, expand=place.startswith("/~"))
    return SqliteAddress(path, **_parameters(given, _SQLITE))


def _pairs(query: str, kind: str) -> list[tuple[str, str]]:
    """Return the parameters of a URL; '+' is no space, as for libpq."""
    pairs = []
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        if not equals:
            raise InvalidURL(
                f"The {kind} URL has a parameter without '=': write name=value, and '?' in a name or a password as %3F."
            )
        pairs.append((_text(name, kind), _text(value, kind)))
    return pairs


# As libpq reads it, but for what stands in one part and could be a piece of another: a password that is not
# percent-encoded must not be taken for a host, a database or a parameter.
_POSTGRES_URL = re.compile(
    r"((?P<user>[^:@/?\s]*)(?P<password>:[^@/?\s]*)?@)?"
    r"(?P<hosts>([\w.%-]*|\[[\w:.%]+\])(:[0-9]*)?(,([\w.%-]*|\[[\w:.%]+\])(:[0-9]*)?)*)"
    r"(?P<database>/[^@?\s]*)?"
    r"(\?(?P<query>[^@\s]*))?"
)
_POSTGRES_FORM = (
    "Invalid PostgreSQL URL: write postgresql://user:password@host:5432/database?name=value, and "
    "percent-encode the password ('%' is %25, '@' is %40, '/' is %2F, '?' is %3F, '#' is %23, a space is %20)."
)


def _postgres(rest: str) -> PostgresAddress:
    """Take our parameters out of a URL; libpq understands the rest, several hosts included."""
    parts = _POSTGRES_URL.fullmatch(rest)
    if parts is None or re.search(r"%(?![0-9A-Fa-f]{2})|%00", rest):
        raise InvalidURL(_POSTGRES_FORM)
    head = rest.partition("?")[0]
    for_libpq, shown, ours = [], [], {}
    _text(head, "PostgreSQL")
    for name, value in _pairs(parts["query"] or "", "PostgreSQL"):
        if name in _POSTGRES:
            ours[name] = value
        else:
            for_libpq.append(f"{quote(name)}={quote(value)}")
        known = name in _POSTGRES or name in _HARMLESS
        shown.append(f"{quote(name)}={quote(value, safe='/*') if known else '***'}")
    user = parts["user"] or ""
    credentials = f"{user}{':***' if parts['password'] else ''}@" if "@" in head else ""
    return PostgresAddress(
        f"postgresql://{head}" + (f"?{'&'.join(for_libpq)}" if for_libpq else ""),
        f"postgresql://{credentials}{parts['hosts']}{parts['database'] or ''}"
        + (f"?{'&'.join(shown)}" if shown else ""),
        **_parameters(ours, _POSTGRES),
    )


Parser = tuple[Callable[[str], object], str]


def _parameters(given: Mapping[str, str], known: Mapping[str, Parser]) -> dict[str, Any]:
    """Return our parameters among those of a URL, parsed."""
    parsed: dict[str, Any] = {}
    for name, (parse, meaning) in known.items():
        if name not in given:
            continue
        try:
            parsed["read_only" if name == "mode" else name] = parse(given[name])
        except ValueError:
            message = f"Invalid {name} in the URL: expected {meaning}."
            break
    else:
        return parsed
    raise InvalidURL(message)


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


def _level(text: str) -> str:
    return _one_of("serializable", "repeatable read", "read committed")(text).upper()


def _mode(text: str) -> bool:
    return _one_of("ro", "rw")(text) == "ro"


_SQLITE: dict[str, Parser] = {
    "timeout": (_seconds, "seconds from 0 to 86400"),
    "synchronous": (_one_of("full", "normal"), "full or normal"),
    "mode": (_mode, "ro (only read) or rw"),
}
_POSTGRES: dict[str, Parser] = {
    "timeout": (_seconds, "seconds from 0 to 86400"),
    "pool_size": (_size, "a number of connections from 1 to 10000"),
    "prepare_threshold": (_threshold, "a number of runs, or none"),
    "schema": (_identifier, "the name of a schema: letters, digits and _"),
    "isolation_level": (_level, "serializable, repeatable read or read committed"),
    "mode": (_mode, "ro (only read) or rw"),
}

# The parameters of libpq that hold no secret; the value of any other is not shown.
_HARMLESS = set(
    """
    application_name channel_binding client_encoding connect_timeout dbname gssencmode host hostaddr keepalives
    keepalives_count keepalives_idle keepalives_interval load_balance_hosts options port sslcert sslkey sslmode
    sslrootcert target_session_attrs tcp_user_timeout user
    """.split()
)
