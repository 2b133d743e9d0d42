"""The SQL that differs between engines: one `Dialect` class for SQLite and one for PostgreSQL.

Statements are kept per engine, so what a dialect returns may only depend on its arguments. A
statement that is built with the dialect of another engine is refused by the server, or finds other
rows.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import ClassVar, TypeAlias
from uuid import UUID

import peewee
from peewee import SQL, Node, NodeList
from pydantic_core import to_json

__all__ = [
    "POSTGRES",
    "SQLITE",
    "Dialect",
    "PostgresDialect",
    "Slots",
    "SqliteDialect",
    "encode_time",
    "encode_value",
    "sql",
]

Slots: TypeAlias = Sequence[Node]
"""The placeholders of the values that an expression binds."""


def encode_time(value: datetime) -> str:
    """Return a UTC time as the text that SQLite stores and PostgreSQL reads.

    Examples:
        >>> from datetime import UTC
        >>> encode_time(datetime(2026, 1, 2, tzinfo=UTC))
        '2026-01-02T00:00:00.000000+00:00'
    """
    return value.isoformat(timespec="microseconds")


def encode_value(value: object) -> object:
    """Return the parameter for a value: an id or a time as text, anything else unchanged."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return encode_time(value)
    return value


def sql(*parts: Node | str) -> NodeList:
    """Join Peewee nodes and literal SQL into one node."""
    return NodeList([SQL(part) if isinstance(part, str) else part for part in parts])


class Dialect(ABC):
    """The SQL and the abilities of one engine.

    Attributes:
        name: `"sqlite"` or `"postgresql"`.
        binds_objects: the driver binds UUIDs and times as they are, faster than their text.
        copies_rows: rows can be loaded in bulk with COPY.
        has_standbys: another server may follow the database and answer reads.
        has_lateral_joins: a join may limit the rows of each key.
        has_named_parameters: a value that stands in several places of a statement can be sent once.
        locks_rows: writers lock single rows. Without it a write transaction holds the whole
            database.
        writes_in_with: a WITH clause may insert and update, so that two writes are one statement.
        find_function: the SQL function that returns the position of one text in another.
        unlimited: the value of LIMIT that means no limit.
    """

    name: ClassVar[str]
    binds_objects: ClassVar[bool]
    copies_rows: ClassVar[bool]
    has_standbys: ClassVar[bool]
    has_lateral_joins: ClassVar[bool]
    has_named_parameters: ClassVar[bool]
    locks_rows: ClassVar[bool]
    writes_in_with: ClassVar[bool]
    find_function: ClassVar[str]
    unlimited: ClassVar[int | None]

    # Values

    @abstractmethod
    def bind_list(self, values: Sequence[object]) -> object:
        """Return a list of values as one parameter."""

    @abstractmethod
    def bind_counts(
        self, keys: Sequence[str], ids: Sequence[str], counts: Sequence[int]
    ) -> dict[str, object]:
        """Return the parameters of `counts_table`."""

    @abstractmethod
    def digest_of(self, text: str | None) -> object:
        """Return what the column `digest` reads for a stored text."""

    # Conditions

    @abstractmethod
    def is_in(self, column: Node, slot: Node) -> NodeList:
        """Test whether a column is in a bound list."""

    @abstractmethod
    def is_not_in(self, column: Node, slot: Node) -> NodeList:
        """Test whether a column is not in a bound list."""

    @abstractmethod
    def like(self, column: Node, slot: Node) -> NodeList:
        """Test whether a column matches a bound LIKE pattern, ignoring the case of ASCII."""

    @abstractmethod
    def has_any_tag(self, column: Node, slot: Node) -> NodeList:
        """Test whether a JSON list shares a member with a bound list."""

    @abstractmethod
    def has_all_tags(self, column: Node, slot: Node) -> NodeList:
        """Test whether a JSON list holds every member of a bound list."""

    @abstractmethod
    def has_name(self, column: Node, slot: Node) -> NodeList:
        """Test whether a JSON object has a member with a bound name."""

    @abstractmethod
    def compares_member(self, column: Node, kind: str, comparison: str, slots: Slots) -> NodeList:
        """Test whether a member of a JSON object compares with a bound value of the same kind.

        Args:
            column: the JSON object.
            kind: the kind of the value: `"text"`, `"number"`, `"True"`, `"False"` or `"None"`.
            comparison: the SQL operator, such as `">="`.
            slots: the name of the member; after it, for a text or a number, the value.
        """

    @abstractmethod
    def is_at_most(self, column: Node, size: int) -> NodeList:
        """Test whether a text has at most `size` characters, or bytes on PostgreSQL.

        A long text is not read.
        """

    @abstractmethod
    def is_invalid_counter(self, column: peewee.Field) -> peewee.Expression:
        """Test whether a version counter is below 0 or, in a damaged file, not an integer.

        It is 0 while a block has locked a key that never had a version.
        """

    # Columns and tables

    @abstractmethod
    def digest(self, column: Node) -> Node:
        """Return a column that tells texts apart, and is short where a server has to send it."""

    @abstractmethod
    def text_member(self, column: Node, name: str) -> NodeList:
        """Return the text of one member of a JSON object."""

    @abstractmethod
    def row_position(self, primary_key: peewee.ColumnBase) -> peewee.ColumnBase:
        """Return the column that orders the rows of `t1`, the first table of a query.

        On SQLite it is right even if keys are damaged.
        """

    @abstractmethod
    def counts_table(self, slot: Callable[[str], Node]) -> NodeList:
        """Return the bound table `"counts"` with the columns `key`, `id` and `count`."""

    @abstractmethod
    def matched_first(self, query: peewee.Select, name: str, order: Node) -> peewee.CTE:
        """Return a CTE that the planner computes before it looks at the query around it.

        Args:
            query: the query of the CTE.
            name: its name.
            order: the order in which SQLite finds the rows soonest.
        """


def json_list(values: Sequence[object]) -> str:
    """Return a list of values as JSON text."""
    return to_json(values).decode()


class SqliteDialect(Dialect):
    """SQLite: lists are bound as JSON text and read with its JSON functions."""

    name = "sqlite"
    binds_objects = False
    copies_rows = False
    has_standbys = False
    has_lateral_joins = False
    has_named_parameters = False
    locks_rows = False
    writes_in_with = False
    find_function = "instr"
    unlimited = -1

    _TYPES: ClassVar[Mapping[str, str]] = {
        "text": "'text'",
        "number": "'integer', 'real'",
        "True": "'true'",
        "False": "'false'",
        "None": "'null'",
    }

    def bind_list(self, values: Sequence[object]) -> str:
        """Return a list of values as one parameter."""
        return json_list(values)

    def bind_counts(
        self, keys: Sequence[str], ids: Sequence[str], counts: Sequence[int]
    ) -> dict[str, object]:
        """Return the parameters of `counts_table`."""
        rows = list(zip(keys, ids, counts, strict=True))
        return {"many": json_list(rows)}

    def digest_of(self, text: str | None) -> str | None:
        """Return the text itself, because reading it sends it nowhere."""
        return text

    def is_in(self, column: Node, slot: Node) -> NodeList:
        """Test whether a column is in a bound list."""
        return sql(column, "IN (SELECT value FROM json_each(", slot, "))")

    def is_not_in(self, column: Node, slot: Node) -> NodeList:
        """Test whether a column is not in a bound list."""
        return sql(column, "NOT IN (SELECT value FROM json_each(", slot, "))")

    def like(self, column: Node, slot: Node) -> NodeList:
        """Test whether a column matches a bound LIKE pattern, ignoring the case of ASCII."""
        # Peewee's own .like() becomes the case-sensitive GLOB on SQLite.
        return sql(column, "LIKE", slot)

    def has_any_tag(self, column: Node, slot: Node) -> NodeList:
        """Test whether a JSON list shares a member with a bound list."""
        return sql(
            "EXISTS (SELECT 1 FROM json_each(", column, ") AS tag",
            "WHERE tag.value IN (SELECT value FROM json_each(", slot, ")))",
        )  # fmt: skip

    def has_all_tags(self, column: Node, slot: Node) -> NodeList:
        """Test whether a JSON list holds every member of a bound list."""
        # Counting reads each list once. A lookup of each bound tag would read the list of the row
        # again and again.
        return sql(
            "(SELECT COUNT(DISTINCT tag.value) FROM json_each(", column, ") AS tag",
            "WHERE tag.value IN (SELECT value FROM json_each(", slot, ")))",
            "= (SELECT COUNT(DISTINCT value) FROM json_each(", slot, "))",
        )  # fmt: skip

    def has_name(self, column: Node, slot: Node) -> NodeList:
        """Test whether a JSON object has a member with a bound name."""
        return sql(
            "EXISTS (SELECT 1 FROM json_each(", column, ") AS entry WHERE entry.key =", slot, ")"
        )

    def compares_member(self, column: Node, kind: str, comparison: str, slots: Slots) -> NodeList:
        """Test whether a member of a JSON object compares with a bound value of the same kind."""
        test: list[Node | str] = [
            column,
            ") AS entry WHERE entry.key =",
            slots[0],
            f"AND entry.type IN ({self._TYPES[kind]})",
        ]
        if kind == "text":
            test += [f"AND entry.value {comparison}", slots[1]]
        elif kind == "number":
            # SQLite reads both numbers from JSON, as it rounds the last bit differently from Python.
            test += [f"AND entry.value {comparison} json_extract(", slots[1], ", '$')"]
        return sql("EXISTS (SELECT 1 FROM json_each(", *test, ")")

    def is_at_most(self, column: Node, size: int) -> NodeList:
        """Test whether a text has at most `size` characters, without reading a long one."""
        # length() would read the whole text and count its characters.
        return sql("substr(", column, f", {size + 1}, 1) = ''")

    def is_invalid_counter(self, column: peewee.Field) -> peewee.Expression:
        """Test whether a version counter is below 0 or, in a damaged file, not even an integer."""
        return (peewee.fn.TYPEOF(column) != "integer") | (column < 0)

    def digest(self, column: Node) -> Node:
        """Return the column itself."""
        return column

    def text_member(self, column: Node, name: str) -> NodeList:
        """Return the text of one member of a JSON object."""
        return sql("json_extract(", column, f", '$.{name}')")

    def row_position(self, primary_key: peewee.ColumnBase) -> peewee.ColumnBase:
        """Return the row number, which is right where a key is damaged."""
        return SQL('"t1"."rowid"')

    def counts_table(self, slot: Callable[[str], Node]) -> NodeList:
        """Return the bound table `"counts"` with the columns `key`, `id` and `count`."""
        return sql(
            "(SELECT json_extract(value, '$[0]') AS key, json_extract(value, '$[1]') AS id,",
            "json_extract(value, '$[2]') AS count FROM json_each(", slot("many"), ")) AS \"counts\"",
        )  # fmt: skip

    def matched_first(self, query: peewee.Select, name: str, order: Node) -> peewee.CTE:
        """Return a CTE that the planner computes before it looks at the query around it."""
        # SQLite keeps the order of a CTE only when it has a limit.
        return query.order_by(order).limit(self.unlimited).cte(name)


class PostgresDialect(Dialect):
    """PostgreSQL: lists are bound as arrays, and JSON is cast to `jsonb` when it is searched."""

    name = "postgresql"
    binds_objects = True
    copies_rows = True
    has_standbys = True
    has_lateral_joins = True
    has_named_parameters = True
    locks_rows = True
    writes_in_with = True
    find_function = "strpos"
    unlimited = None

    _TYPES: ClassVar[Mapping[str, str]] = {
        "text": "string",
        "number": "number",
        "True": "boolean",
        "False": "boolean",
        "None": "null",
    }

    def bind_list(self, values: Sequence[object]) -> list[object]:
        """Return a list of values as one parameter."""
        return list(values)

    def bind_counts(
        self, keys: Sequence[str], ids: Sequence[str], counts: Sequence[int]
    ) -> dict[str, object]:
        """Return the parameters of `counts_table`."""
        return {"keys": list(keys), "ids": list(ids), "counts": list(counts)}

    def digest_of(self, text: str | None) -> bytes | None:
        """Return the SHA-256 of the text in UTF-8."""
        return None if text is None else sha256(text.encode()).digest()

    def is_in(self, column: Node, slot: Node) -> NodeList:
        """Test whether a column is in a bound list."""
        return sql(column, "= ANY(", slot, ")")

    def is_not_in(self, column: Node, slot: Node) -> NodeList:
        """Test whether a column is not in a bound list."""
        return sql(column, "<> ALL(", slot, ")")

    def like(self, column: Node, slot: Node) -> NodeList:
        """Test whether a column matches a bound LIKE pattern, ignoring the case of ASCII."""
        # lower() folds the ASCII letters alone only in the C collation.
        return sql(
            "lower(", column, 'COLLATE "C") LIKE lower(CAST(', slot, "AS text) COLLATE \"C\") ESCAPE ''"
        )  # fmt: skip

    def has_any_tag(self, column: Node, slot: Node) -> NodeList:
        """Test whether a JSON list shares a member with a bound list."""
        return sql("CAST(", column, "AS jsonb) ?| CAST(", slot, "AS text[])")

    def has_all_tags(self, column: Node, slot: Node) -> NodeList:
        """Test whether a JSON list holds every member of a bound list."""
        return sql("CAST(", column, "AS jsonb) ?& CAST(", slot, "AS text[])")

    def has_name(self, column: Node, slot: Node) -> NodeList:
        """Test whether a JSON object has a member with a bound name."""
        return sql("COALESCE(CAST(", column, "AS jsonb) ?", slot, ", FALSE)")

    def compares_member(self, column: Node, kind: str, comparison: str, slots: Slots) -> NodeList:
        """Test whether a member of a JSON object compares with a bound value of the same kind."""
        value = sql("(CAST(", column, "AS jsonb) ->", slots[0], ")")
        test: list[Node | str] = [
            "COALESCE(jsonb_typeof(",
            value,
            f") = '{self._TYPES[kind]}'",
        ]
        if kind == "text":
            test += ["AND (", value, f"#>> '{{}}') COLLATE \"C\" {comparison}", slots[1]]
        elif kind == "number":
            # jsonb compares numbers exactly, and only with numbers.
            test += ["AND", value, f"{comparison} CAST(", slots[1], "AS jsonb)"]
        elif kind in ("True", "False"):
            test += ["AND", value, f"= '{kind.lower()}'"]
        return sql(*test, ", FALSE)")

    def is_at_most(self, column: Node, size: int) -> NodeList:
        """Test whether a text has at most `size` bytes, without reading a long one."""
        return sql("octet_length(", column, f") <= {size}")

    def is_invalid_counter(self, column: peewee.Field) -> peewee.Expression:
        """Test whether a version counter is below 0."""
        return column < 0

    def digest(self, column: Node) -> NodeList:
        """Return the SHA-256 of the text in UTF-8, whatever the encoding of the database."""
        return sql("sha256(convert_to(", column, ", 'UTF8'))")

    def text_member(self, column: Node, name: str) -> NodeList:
        """Return the text of one member of a JSON object."""
        return sql(
            "(CASE jsonb_typeof(CAST(", column, f"AS jsonb) -> '{name}') WHEN 'string' THEN CAST(", column,
            f"AS jsonb) ->> '{name}' END)",
        )  # fmt: skip

    def row_position(self, primary_key: peewee.ColumnBase) -> peewee.ColumnBase:
        """Return the primary key, which the server checks."""
        return primary_key

    def counts_table(self, slot: Callable[[str], Node]) -> NodeList:
        """Return the bound table `"counts"` with the columns `key`, `id` and `count`."""
        return sql(
            "unnest(CAST(", slot("keys"), "AS text[]), CAST(", slot("ids"), "AS uuid[]), CAST(", slot("counts"),
            "AS bigint[])) AS \"counts\" (key, id, count)",
        )  # fmt: skip

    def matched_first(self, query: peewee.Select, name: str, order: Node) -> peewee.CTE:
        """Return a CTE that the planner computes before it looks at the query around it."""
        return query.cte(name, materialized=True)


SQLITE = SqliteDialect()
POSTGRES = PostgresDialect()
