"""Create the tables of this version, or apply the missing migrations.

The caller holds the transaction, so a database is brought to this version as a whole, or not at all.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from scheduler.adapters.sql.schema import HEAD, VERSION_TABLE
from scheduler.adapters.sql.tables import events as tables_events
from scheduler.adapters.sql.tables import follow_ups as tables_follow_ups
from scheduler.adapters.sql.tables import log as tables_log
from scheduler.adapters.sql.tables import outbox as tables_outbox
from scheduler.adapters.sql.tables import sessions as tables_sessions
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


def run_migrations(connection: Connection, revision: str = "head") -> None:
    """Run the migrations that are missing up to one, in the transaction that the connection is in."""
    # Here and not above: a start on a current database need not import Alembic.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def stamp(connection: Connection, revision: str) -> None:
    """Write another revision into a database that has its tables already."""
    connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = :revision"), {"revision": revision})


def create_tables(connection: Connection, name: str) -> None:
    """Create all tables at once, which a test compares with what the migrations make.

    Args:
        name: where the database is, for messages.

    Raises:
        StoreError: there are tables of another program.
    """
    try:
        _METADATA.create_all(connection, checkfirst=False)
    except SQLAlchemyError as error:
        if "already exists" not in str(error):
            raise
        raise StoreError(
            f"{name} holds tables of another program", help="give another place with --home or --database"
        ) from error
    connection.execute(
        text(
            f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL,"
            f" CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text(f"INSERT INTO {VERSION_TABLE} (version_num) VALUES (:head)"), {"head": HEAD})
