"""The private names of Peewee that the package uses are still there, and still do the same."""

import ast
import re
import sqlite3
import threading
from pathlib import Path
from typing import Any

import peewee
import pytest

import artifact_store
from artifact_store.db import peewee_internals

PACKAGE = Path(artifact_store.__file__).parent
OF_PEEWEE = "mend artifact_store/db/peewee_internals.py, and raise or cap the version of peewee in setup.cfg"


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (peewee, "_ConnectionState"),
        (peewee.Database(None), "_state"),
        (peewee.Database(None), "_lock"),
        (peewee.Database, "_connect"),
        (peewee.SqliteDatabase, "_connect"),
        (peewee.PostgresqlDatabase, "_connect"),
        (peewee.PostgresqlDatabase, "_set_server_version"),
        (peewee.Query(), "_cte_list"),
    ],
)
def test_peewee_still_has_its_private_names(owner: Any, name: str) -> None:
    where = getattr(owner, "__name__", type(owner).__name__)
    assert hasattr(owner, name), f"Peewee {peewee.__version__} has no {where}.{name}: {OF_PEEWEE}"


def test_the_state_of_peewee_has_the_same_attributes() -> None:
    state = peewee_internals.ConnectionState()
    assert set(vars(state)) == {"closed", "conn", "ctx", "transactions", "commit_callbacks"}, (
        f"The state of Peewee {peewee.__version__} has other attributes: {OF_PEEWEE}, and Session.detach"
    )
    state.set_connection("connection")
    assert (state.conn, state.closed, state.transactions) == ("connection", False, [])
    state.reset()
    assert (state.conn, state.closed, state.transactions) == (None, True, [])


def test_peewee_uses_the_sessions_and_the_connections_of_a_session_database() -> None:
    state = peewee_internals.ConnectionState()

    class Sessions:
        def current(self) -> peewee_internals.ConnectionState:
            return state

    class Database(peewee_internals.SessionDatabase, peewee.SqliteDatabase):
        sessions = Sessions()

        def open_connection(self) -> Any:
            opened.append(super().open_connection())
            return opened[-1]

    opened: list[sqlite3.Connection] = []
    database = Database(":memory:")
    assert database.connect(), (
        f"Peewee {peewee.__version__} does not connect with _connect: {OF_PEEWEE}"
    )
    assert [state.conn] == opened, (
        f"Peewee {peewee.__version__} keeps its connection elsewhere: {OF_PEEWEE}"
    )
    with database.atomic():
        assert peewee_internals.open_transactions(database) == state.transactions
        assert len(state.transactions) == 1, (
            f"Peewee {peewee.__version__} keeps transactions elsewhere: {OF_PEEWEE}"
        )
    database.close()
    assert state.closed


def test_a_renewed_lock_is_the_one_that_peewee_takes() -> None:
    database = peewee.SqliteDatabase(":memory:")
    database._lock.acquire()
    peewee_internals.renew_lock(database)
    thread = threading.Thread(target=database.connect, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), f"Peewee {peewee.__version__} takes another lock: {OF_PEEWEE}"


def test_common_table_expressions_are_found() -> None:
    table = peewee.Table("t")
    cte = table.select(table.c.a).cte("named")
    assert [*peewee_internals.ctes_of(table.select(table.c.a))] == []
    assert [*peewee_internals.ctes_of(cte.select(cte.c.a).with_cte(cte))] == [cte], OF_PEEWEE


# What is public, though it begins with an underscore: Peewee documents it.
DOCUMENTED = {"_meta"}


@pytest.mark.parametrize(
    "path",
    sorted({*PACKAGE.rglob("*.py")} - {*PACKAGE.rglob("migrations/0*.py")}),
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_private_names_of_peewee_stand_in_one_module(path: Path) -> None:
    if path.name == "peewee_internals.py":
        return
    source = path.read_text(encoding="utf-8")
    used = (
        set(re.findall(r"\b(?:peewee|database|query|matching)\.(_[a-z]\w*)", source, re.IGNORECASE))
        - DOCUMENTED
    )
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("peewee", "playhouse"):
            used |= {alias.name for alias in node.names if alias.name.startswith("_")}
    assert not used, f"{path.name} uses {used}: let peewee_internals do that"
