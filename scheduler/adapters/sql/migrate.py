"""Bringing a database to the schema of this version, in one transaction, or not at all."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from scheduler.adapters.sql.errors import BUSY_SECONDS, wrong_schema
from scheduler.adapters.sql.rooms import Rooms
from scheduler.adapters.sql.schema import HEAD, STAMPED, VERSION_TABLE, judge, stored_revision
from scheduler.adapters.sql.sqlite.driver import SqliteConnection
from scheduler.adapters.sql.sqlite.opening import open_engine, translate_errors
from scheduler.adapters.sql.tables import events as tables_events
from scheduler.adapters.sql.tables import follow_ups as tables_follow_ups
from scheduler.adapters.sql.tables import log as tables_log
from scheduler.adapters.sql.tables import outbox as tables_outbox
from scheduler.adapters.sql.tables import sessions as tables_sessions
from scheduler.crash import crashpoint
from scheduler.errors import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"


# Named here, so that the metadata knows of them: each file of tables adds its own.
(_METADATA,) = {
    table.metadata
    for table in (
        *(tables_log.records, tables_follow_ups.follow_ups, tables_outbox.outbox),
        *(tables_events.events, tables_sessions.sessions),
    )
}


def upgrade(path: str | os.PathLike[str], *, busy_seconds: float = BUSY_SECONDS) -> bool:
    """Make the tables of a database file what this version needs; true when something had to be done.

    The whole change is one transaction: a process that is killed in the middle leaves the old schema.
    Two processes may call this at once; the second finds it done.

    Raises:
        StoreError: the file cannot be written, a newer version of agentcron has migrated it, or one of before
            the first release has made it, whose tables cannot be upgraded.
    """
    name = os.path.abspath(os.fspath(path))
    return prepare(open_engine(name, busy_seconds=busy_seconds), name)


def prepare(engine: Engine, name: str) -> bool:
    """Do what ``upgrade`` does, on an engine that is open already."""
    with translate_errors(name), _without_keys(engine) as connection:
        revision = _revision(connection)
        state = judge(revision)
        if state in ("newer", "abandoned"):
            raise wrong_schema(name, state, revision)
        if state == "missing":
            _create(connection, name)
        elif state == "older":
            if revision in STAMPED:
                _stamp(connection, STAMPED[revision])
            run_migrations(connection)
        if state != "current":
            crashpoint("schema")
    return state != "current"


@contextmanager
def _without_keys(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction in which foreign keys are not looked at.

    SQLite copies a table to change it, and would take the drop of the old one for the end of its rows.
    """
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("PRAGMA foreign_keys=0")  # within a transaction it would do nothing
        with connection.begin():
            yield connection


def prepare_rooms(engine: Engine, name: str, rooms: Rooms) -> None:
    """Make or upgrade the tables that plug-ins bring, each with a number of its own.

    Raises:
        ConfigError: the database was used with a newer version of one.
        StoreError: the file cannot be written.
    """
    if not rooms.has_tables:
        return
    with translate_errors(name), engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        if rooms.prepare(SqliteConnection(driver)):
            crashpoint("schema")


def run_migrations(connection: Connection, revision: str = "head") -> None:
    """Run the migrations that are missing up to one, in the transaction that the connection is in."""
    # Here and not above: a start on a current database need not import Alembic.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _revision(connection: Connection) -> str | None:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return stored_revision(driver)


def _stamp(connection: Connection, revision: str) -> None:
    connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = :revision"), {"revision": revision})


def _create(connection: Connection, path: str) -> None:
    """Create all tables at once, which a test compares with what the migrations make."""
    try:
        _METADATA.create_all(connection, checkfirst=False)
    except SQLAlchemyError as error:
        if "already exists" not in str(error):
            raise
        raise StoreError(
            f"{path} holds tables of another program", help="give another place with --home"
        ) from error
    connection.execute(
        text(
            f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL,"
            f" CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text(f"INSERT INTO {VERSION_TABLE} (version_num) VALUES (:head)"), {"head": HEAD})
