"""Compiled statements: Peewee builds each query once per engine; later only the values change.

Building a statement takes ten times as long as running it. A query holds a `slot` where a value
will be, and its text is cached under a key. Two different queries under one key would run the text
of the first.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import peewee

from ..errors import StoreDamaged
from .damage import unreadable_row
from .engine import FETCH_ALL, FETCH_ONE, ROW_COUNT, Engine, Params, Row
from .pending_writes import PendingWrites

__all__ = [
    "Build",
    "Expression",
    "Params",
    "Query",
    "Row",
    "Statement",
    "Statements",
    "Values",
    "slot",
]

# Characters in the cache. Most programs have a few dozen statements, generated filters many more.
_LIMIT = 4_000_000

Query: TypeAlias = peewee.Node
"""A whole statement as Peewee builds it, or any part of one that is only put into another."""

Expression: TypeAlias = peewee.ColumnBase
"""A part of a statement that has operators: a column, a slot, a condition."""

Build: TypeAlias = Callable[[], Query]
"""Builds the query of a statement, with slots for its values."""

Values: TypeAlias = Mapping[Any, object]
"""Bound values by the name of their slot."""


class _Slot:
    """A placeholder for a value in a compiled statement."""

    __slots__ = ("name",)

    def __init__(self, name: Hashable) -> None:
        self.name = name


def slot(name: Hashable) -> Expression:
    """Return a Peewee node that stands for the value called `name`."""
    # Without converter=False a text field would turn the placeholder itself into text.
    return peewee.Value(_Slot(name), converter=False)


class Statement(NamedTuple):
    """A compiled statement.

    Attributes:
        sql: its text.
        bind: returns the parameters, with values in the slots.
    """

    sql: str
    bind: Callable[[Values], Params]


def positional_binder(parts: tuple[object, ...]) -> Callable[[Values], Params]:
    """Return a function that puts values into the slots, mostly without a loop in Python."""
    names: list[Hashable] = []
    constants: list[tuple[int, object]] = []
    for at, part in enumerate(parts):
        if isinstance(part, _Slot):
            names.append(part.name)
        else:
            constants.append((at, part))

    if not names:
        return lambda values: parts
    take = values_of(names)

    def bind(values: Values) -> list[object]:
        params = list(take(values))
        for at, constant in constants:
            params.insert(at, constant)
        return params

    return bind if constants else take


def values_of(names: Sequence[Hashable]) -> Callable[[Values], Sequence[object]]:
    """Return a function that looks up the values of these names."""
    first, *others = names
    if others:
        return itemgetter(*names)
    # An itemgetter of one name returns no sequence.
    return lambda values: (values[first],)


def named_statement(sql: str, parts: tuple[object, ...]) -> Statement | None:
    """Return a statement with psycopg's named parameters, so that a repeated value is sent once.

    Each parameter costs as much as a call in Python. Returns `None` if no value is repeated.
    """
    names: list[Hashable] = []
    constants: dict[Hashable, object] = {}
    for at, part in enumerate(parts):
        if isinstance(part, _Slot):
            names.append(part.name)
        else:
            name = f"constant {at}"
            names.append(name)
            constants[name] = part

    is_repeated = len({*names}) < len(names)
    if not is_repeated or not all(type(name) is str for name in names):
        return None

    remaining = iter(names)

    def with_name(match: re.Match[str]) -> str:
        return match[0] if match[0] == "%%" else f"%({next(remaining)})s"

    text = re.sub("%%|%s", with_name, sql)
    if not constants:
        return Statement(text, lambda values: values)
    return Statement(text, lambda values: {**values, **constants})


class Statements:
    """The statements of one engine, compiled when first used.

    Every method takes the key of the statement, a function that builds the Peewee query, and the
    values of its slots.

    Attributes:
        engine: the engine.
        dialect: the SQL that differs between engines.
        pending_writes: written before the next statement outside a block.
    """

    def __init__(self, engine: Engine) -> None:
        """Start without statements."""
        self.engine = engine
        self.dialect = engine.dialect
        self.pending_writes = PendingWrites(engine)
        self._pending = self.pending_writes.writes
        self._compiled: dict[Hashable, Statement] = {}
        self._size = 0

    # Methods look into the cache before they call `get`: a call takes several times as long.

    def get(self, key: Hashable, build: Build) -> Statement:
        """Return the statement of a key; build and compile it when it is new."""
        statement = self._compiled.get(key)
        if statement is None:
            statement = self._compile(build())
            self._size += len(statement.sql)
            if self._size > _LIMIT:
                self._compiled = {}
                self._size = len(statement.sql)
            self._compiled[key] = statement
        return statement

    def _compile(self, query: Query) -> Statement:
        context = self.engine.database.get_sql_context()
        sql, params = context.sql(query).query()
        parts = tuple(params)
        statement = named_statement(sql, parts) if self.dialect.has_named_parameters else None
        return statement or Statement(sql, positional_binder(parts))

    def fetch_all(
        self, key: Hashable, build: Build, values: Values, custom_plan: bool = False
    ) -> list[Row]:
        """Run a statement and return all its rows.

        Args:
            key: the key of the statement.
            build: builds its query.
            values: the values of its slots.
            custom_plan: its best plan depends on the values, so the server must not reuse a generic
                one.
        """
        if self._pending:
            self.pending_writes.flush()
        statement = self._compiled.get(key) or self.get(key, build)
        try:
            return self.engine.query(statement.sql, statement.bind(values), FETCH_ALL, custom_plan)
        except StoreDamaged as error:
            raise self._with_row_name(statement, values, error) from error

    def fetch_one(self, key: Hashable, build: Build, values: Values) -> Row | None:
        """Run a statement and return its first row."""
        if self._pending:
            self.pending_writes.flush()
        statement = self._compiled.get(key) or self.get(key, build)
        try:
            return self.engine.query(statement.sql, statement.bind(values), FETCH_ONE)
        except StoreDamaged as error:
            raise self._with_row_name(statement, values, error) from error

    def _with_row_name(
        self, statement: Statement, values: Values, error: StoreDamaged
    ) -> StoreDamaged:
        """Return an error that names the row whose text is not UTF-8, if that was the cause."""
        undecodable = self.engine.find_undecodable(statement.sql, statement.bind(values))
        if undecodable is None:
            return error
        row, column = undecodable
        kind = "artifact" if "version" in row else "row"
        return unreadable_row(kind, row, column, "it is not UTF-8")

    def fetch_packed(
        self,
        key: Hashable,
        build: Build,
        values: Values,
        size: int,
        pack: Callable[[list[Row]], bytes],
    ) -> list[bytes]:
        """Run a statement and return its rows in batches of `size`, each serialized by `pack`."""
        statement = self.get(key, build)
        return self.engine.fetch_packed(statement.sql, statement.bind(values), size, pack)

    def execute(self, key: Hashable, build: Build, values: Values) -> int:
        """Run a statement and return the number of rows it changed."""
        if self._pending:
            self.pending_writes.flush()
        statement = self._compiled.get(key) or self.get(key, build)
        return self.engine.query(statement.sql, statement.bind(values), ROW_COUNT)

    def execute_all(self, builders: Iterable[tuple[Hashable, Build]], values: Values) -> int:
        """Run statements in order, inside a block; return how many rows the last one changed."""
        statements = []
        for key, build in builders:
            statement = self._compiled.get(key) or self.get(key, build)
            statements.append((statement.sql, statement.bind(values)))
        return self.engine.execute_all(statements)

    def execute_many(self, key: Hashable, build: Build, values: Iterable[Values]) -> None:
        """Run a statement once for each set of values."""
        statement = self.get(key, build)
        self.engine.execute_many(statement.sql, map(statement.bind, values))
