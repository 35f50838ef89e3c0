"""Bringing a SQLite file to the schema of this version, in one transaction, or not at all."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from scheduler.adapters.sql.errors import BUSY_SECONDS, wrong_schema
from scheduler.adapters.sql.migrate import create_tables, run_migrations, stamp
from scheduler.adapters.sql.rooms import Rooms
from scheduler.adapters.sql.schema import STAMPED, judge
from scheduler.adapters.sql.sqlite.driver import SqliteConnection
from scheduler.adapters.sql.sqlite.opening import open_engine, translate_errors
from scheduler.adapters.sql.sqlite.revision import stored_revision
from scheduler.crash import crashpoint


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
        revision = stored_revision(_driver(connection))
        state = judge(revision)
        if state in ("newer", "abandoned"):
            raise wrong_schema(name, state, revision)
        if state == "missing":
            create_tables(connection, name)
        elif state == "older":
            if revision in STAMPED:
                stamp(connection, STAMPED[revision])
            run_migrations(connection)
        if state != "current":
            crashpoint("schema")
    return state != "current"


def prepare_rooms(engine: Engine, name: str, rooms: Rooms) -> None:
    """Make or upgrade the tables that plug-ins bring, each with a number of its own.

    Raises:
        ConfigError: the database was used with a newer version of one.
        StoreError: the file cannot be written.
    """
    if not rooms.has_tables:
        return
    with translate_errors(name), engine.begin() as connection:
        if rooms.prepare(SqliteConnection(_driver(connection))):
            crashpoint("schema")


@contextmanager
def _without_keys(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction in which foreign keys are not checked.

    SQLite copies a table to change it, and would take the drop of the old one for the end of its rows.
    """
    with engine.connect() as connection:
        _driver(connection).execute("PRAGMA foreign_keys=0")  # within a transaction it would do nothing
        with connection.begin():
            yield connection


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver
