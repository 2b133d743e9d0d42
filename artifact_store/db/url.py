"""Parses the address of a store: a URL or a path; without one, the default file of the user.

An address may contain a password, and an invalid one may contain it anywhere. So no error repeats what follows the
scheme.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
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
        synchronous: `"full"` survives a power cut; `"normal"` is faster and may lose the last commits in one.
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
        dsn: the URL for libpq, without the parameters below; it may contain a password, so it is never shown.
        url: the same without a password.
        timeout: seconds to wait for a lock, a connection of the pool or a lost server before giving up.
        pool_size: the largest number of connections of one process.
        prepare_threshold: after how many executions a statement is prepared; `None` is never (for a transaction
            pooler).
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


Address: TypeAlias = SqliteAddress | PostgresAddress


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
        return _parse(url)
    from_environment = os.environ.get(URL_VARIABLE)
    if not from_environment:
        return SqliteAddress(default_path())
    try:
        return _parse(from_environment)
    except InvalidURL as error:
        message = f"${URL_VARIABLE} is not a valid address: {error}"
    # Raised here, so that its context does not show the invalid address.
    raise InvalidURL(message)


def _parse(url: object) -> Address:
    if isinstance(url, os.PathLike):
        path = os.fspath(url)
        if not isinstance(path, str):
            raise InvalidURL("Invalid path: expected a path of text, not of bytes.")
        return SqliteAddress(absolute_path(path, expand=True))
    if not isinstance(url, str):
        raise InvalidURL(
            f"Invalid address: expected a URL such as sqlite:///artifacts.db, or a path, not {type(url).__name__}."
        )
    if any(ord(character) < 32 or ord(character) == 127 for character in url):
        raise InvalidURL("The URL contains a line break or another control character: remove it.")

    scheme, colon, rest = url.partition("://")
    if not colon or _SCHEME.fullmatch(scheme) is None:
        if _FILE_NAME.fullmatch(url):  # it cannot contain a password, so it may be repeated
            raise InvalidURL(f"Invalid URL {url!r}: write sqlite:///{url} for a file.")
        raise InvalidURL(f"The address is not a URL: {_EXAMPLES}.")
    if scheme in ("postgresql", "postgres"):
        return parse_postgresql(rest)
    if scheme == "sqlite":
        return parse_sqlite(rest)
    raise InvalidURL(f"The scheme {scheme!r} is not supported: {_EXAMPLES}.")


_EXAMPLES = "write sqlite:///artifacts.db for a file, or postgresql://user:password@host/database"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}")
_FILE_NAME = re.compile(r":memory:|[\w./~ -]*(\.db|\.sqlite3?)|/[\w./ -]+")
_PERCENT_ALONE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def default_path() -> Path:
    """Return the file of the default store.

    Raises:
        InvalidURL: the user has no home directory.
    """
    from platformdirs import user_data_path

    try:
        directory = user_data_path("artifact-store", appauthor=False)
    except RuntimeError:
        directory = Path()
    if not directory.is_absolute():
        raise InvalidURL(
            f"There is no home directory for the default store: name a store with ${URL_VARIABLE}, or set $HOME."
        )
    return directory / "artifacts.db"


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return `did you mean 'x'?` for an unknown name; `None` if no known name is similar."""
    from difflib import get_close_matches

    matches = get_close_matches(name.lower(), list(known), 1)
    return f"did you mean {matches[0]!r}?" if matches else None


def decode(part: str, kind: str) -> str:
    """Return a part of a URL without its percent-encoding.

    Args:
        part: a part of the URL.
        kind: `"SQLite"` or `"PostgreSQL"`, for the error.

    Raises:
        InvalidURL: it is not text.
    """
    try:
        # An argument or a variable of the environment that is not UTF-8 has surrogates, which cannot be encoded.
        text = unquote_to_bytes(part.encode("utf-8")).decode("utf-8")
    except UnicodeError:
        text = "\0"
    if _NOT_TEXT.search(text) or _PERCENT_ALONE.search(part):
        raise InvalidURL(
            f"The {kind} URL is not UTF-8 text, or contains a control character: write '%' itself as %25."
        )
    return text


def absolute_path(name: str, expand: bool) -> Path:
    """Return the absolute path of a file, so that a later change of the working directory does not matter."""
    if _NOT_TEXT.search(name):
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


def parse_sqlite(rest: str) -> SqliteAddress:
    """Parse what follows `sqlite://`."""
    path, _, query = rest.partition("?")
    if path and not path.startswith("/"):
        raise InvalidURL(
            "A SQLite URL has no host: a file takes three slashes, as in sqlite:///artifacts.db."
        )
    if "#" in path:
        raise InvalidURL("The SQLite URL contains '#': write it as %23 in the name of a file.")

    parameters = dict(parse_query(query, "SQLite"))
    for name in parameters:
        if name not in _SQLITE:
            remedy = did_you_mean(name, _SQLITE) or f"it takes {', '.join(_SQLITE)}."
            raise InvalidURL(f"Unknown parameter in the SQLite URL: {remedy}")

    file_name = decode(path, "SQLite")[1:]
    in_memory = file_name in ("", ":memory:")
    file = None if in_memory else absolute_path(file_name, expand=path.startswith("/~"))
    return SqliteAddress(file, **parse_parameters(parameters, _SQLITE))


def parse_query(query: str, kind: str) -> list[tuple[str, str]]:
    """Return the parameters of a URL; `+` is not a space, as in libpq."""
    if not query:
        return []
    parameters = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        if not equals:
            raise InvalidURL(
                f"The {kind} URL has a parameter without '=': write name=value, and '?' in a name or a password as %3F."
            )
        parameters.append((decode(name, kind), decode(value, kind)))
    return parameters


# As libpq parses it, but stricter: a piece of a password that is not percent-encoded must not be taken for a host, a
# database or a parameter, because those are shown.
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


def parse_postgresql(rest: str) -> PostgresAddress:
    """Parse what follows `postgresql://`: take our parameters out, and leave the rest to libpq."""
    match = _POSTGRES_URL.fullmatch(rest)
    if match is None or _PERCENT_ALONE.search(rest) or "%00" in rest:
        raise InvalidURL(_POSTGRES_FORM)
    head = rest.partition("?")[0]
    decode(head, "PostgreSQL")

    ours = {}
    for_libpq = []
    shown = []
    for name, value in parse_query(match["query"] or "", "PostgreSQL"):
        if name in _POSTGRES:
            ours[name] = value
        else:
            for_libpq.append(f"{quote(name)}={quote(value)}")
        may_be_shown = name in _POSTGRES or name in _NOT_SECRET
        shown_value = quote(value, safe="/*") if may_be_shown else "***"
        shown.append(f"{quote(name)}={shown_value}")

    password = ":***" if match["password"] else ""
    credentials = f"{match['user'] or ''}{password}@" if "@" in head else ""
    shown_head = f"{credentials}{match['hosts']}{match['database'] or ''}"
    return PostgresAddress(
        _postgresql_url(head, for_libpq),
        _postgresql_url(shown_head, shown),
        **parse_parameters(ours, _POSTGRES),
    )


def _postgresql_url(head: str, parameters: list[str]) -> str:
    query = f"?{'&'.join(parameters)}" if parameters else ""
    return f"postgresql://{head}{query}"


class Parameter(NamedTuple):
    """A parameter of ours in a URL.

    Attributes:
        parse: returns the value of its text, or raises `ValueError`.
        expected: what an error says about its text.
    """

    parse: Callable[[str], object]
    expected: str


def parse_parameters(
    texts: Mapping[str, str], parameters: Mapping[str, Parameter]
) -> dict[str, Any]:
    """Return the values of the parameters in a URL, by the attribute of the address."""
    values = {}
    for name, parameter in parameters.items():
        if name not in texts:
            continue
        try:
            value = parameter.parse(texts[name])
        except ValueError:
            invalid = name
            break
        values["read_only" if name == "mode" else name] = value
    else:
        return values
    # Raised here, so that its context does not show the value, which may be a piece of a password.
    raise InvalidURL(f"Invalid {invalid} in the URL: expected {parameters[invalid].expected}.")


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


_TIMEOUT = Parameter(_seconds, "seconds from 0 to 86400")
_MODE = Parameter(_mode, "ro (only read) or rw")
_SQLITE = {
    "timeout": _TIMEOUT,
    "synchronous": Parameter(_one_of("full", "normal"), "full or normal"),
    "mode": _MODE,
}
_POSTGRES = {
    "timeout": _TIMEOUT,
    "pool_size": Parameter(_size, "a number of connections from 1 to 10000"),
    "prepare_threshold": Parameter(_threshold, "a number of runs, or none"),
    "schema": Parameter(_identifier, "the name of a schema: letters, digits and _"),
    "isolation_level": Parameter(_level, "serializable, repeatable read or read committed"),
    "mode": _MODE,
}

# The parameters of libpq that contain no secret; the value of any other is not shown.
_NOT_SECRET = set(
    """
    application_name channel_binding client_encoding connect_timeout dbname gssencmode host hostaddr keepalives
    keepalives_count keepalives_idle keepalives_interval load_balance_hosts options port sslcert sslkey sslmode
    sslrootcert target_session_attrs tcp_user_timeout user
    """.split()
)
