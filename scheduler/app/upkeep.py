"""Operations on the database as a file: back up, restore, shrink, upgrade."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scheduler.app.database import database_of
from scheduler.config import Config

if TYPE_CHECKING:
    from scheduler.adapters.sql.sqlite.backup import Backup
    from scheduler.adapters.sql.sqlite.restore import Found


def database_file(config: Config) -> Path:
    """Return the file of the database, even if it does not exist.

    Raises:
        UsageError: the database is not a file, or is of a kind that has no adapter.
    """
    database_of(config)
    return config.database


def back_up(config: Config, target: Path, now: datetime, *, force: bool = False) -> Backup:
    """Copy the database to ``target``, complete and checked, while daemons work.

    Raises:
        NotFoundError, RefusedError, CannotWorkError, StoreError: there is nothing to copy, the target exists
            already, it cannot be written, or the database cannot be read.
    """
    from scheduler.adapters.sql.sqlite import backup

    return backup.back_up(database_file(config), target, now, force=force)


def inspect_backup(source: Path, now: datetime) -> Found:
    """Return the content of a backup, and what happens to it if it is restored now.

    Raises:
        StoreError: it is not a backup, or it is damaged.
    """
    from scheduler.adapters.sql.sqlite import restore

    return restore.inspect(source, now)


def put_in_place(config: Config, found: Found, now: datetime) -> Path | None:
    """Replace the database with a backup; return where the old one is now, if there was one.

    Raises:
        CannotWorkError, StoreError: it cannot be written; the old one is where it was.
    """
    from scheduler.adapters.sql.sqlite import restore

    config.make_home()
    return restore.put_in_place(found, database_file(config), now)


def free_bytes(config: Config) -> int:
    """Return how much of the database is free space.

    Raises:
        StoreError: it cannot be read.
    """
    from scheduler.adapters.sql.sqlite import shrink

    return shrink.free_bytes(database_file(config))


def shrink(config: Config) -> int:
    """Return free space to the disk, while no daemon is running; return the number of bytes.

    Raises:
        StoreError: it cannot be done.
    """
    from scheduler.adapters.sql.sqlite import shrink

    return shrink.shrink(database_file(config))


def upgrade(config: Config) -> bool:
    """Upgrade the database to the schema of this version; return whether it had another one.

    Raises:
        StoreError: it cannot be done; the database is unchanged.
    """
    return database_of(config).upgrade()
