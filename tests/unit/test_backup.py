"""Backups on small disks, and the log of another database that lies beside a restored one."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scheduler.adapters.sql.sqlite.backup import back_up
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.adapters.sql.sqlite.errors import has_foreign_log
from scheduler.adapters.sql.sqlite.restore import inspect, put_in_place, set_foreign_log_aside
from scheduler.adapters.sql.sqlite.shrink import free_bytes, shrink
from scheduler.adapters.sql.sqlite.upgrade import upgrade
from scheduler.errors import CannotWorkError, StoreError

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "agentcron.db"
    upgrade(path)
    return path


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every copy be made on a disk with room for ten pages."""
    connect = sqlite3.connect

    def small(path: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(path, **options)
        if "partial" in str(path):
            connection.execute("PRAGMA max_page_count=10")
        return connection

    monkeypatch.setattr(sqlite3, "connect", small)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_named_and_keeps_nothing(database: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotWorkError, match=r"the disk that should hold .*copy is full"):
        back_up(database, tmp_path / "copy", NOW)
    assert not list(tmp_path.glob("*copy*"))


def test_a_full_home_keeps_the_database_that_is_there(
    database: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    back_up(database, tmp_path / "copy", NOW)
    before = database.read_bytes()
    request.getfixturevalue("full_disk")
    with pytest.raises(CannotWorkError, match=r"agentcron\.db is full"):
        put_in_place(inspect(tmp_path / "copy", NOW), database, NOW)
    assert database.read_bytes() == before


def test_a_damaged_database_makes_no_backup(database: Path, tmp_path: Path) -> None:
    data = bytearray(database.read_bytes())
    data[-4096:] = b"\xee" * 4096
    database.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        back_up(database, tmp_path / "copy", NOW)
    assert not (tmp_path / "copy").exists()


def leave_a_log(database: Path, value: str) -> None:
    """Write something, and end as ``kill -9`` does: the log stays behind."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("INSERT INTO meta (key, value) VALUES ('x', ?)", (value,))
    log = database.with_name(f"{database.name}-wal")
    shutil.copy(log, log.with_name("kept"))
    connection.close()
    log.with_name("kept").rename(log)


def test_a_log_of_another_database_is_never_read_into_a_restored_one(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    back_up(database, copy, NOW)
    leave_a_log(database, "after the backup")
    assert not has_foreign_log(database), "its own log"
    database.write_bytes(copy.read_bytes())
    assert has_foreign_log(database)
    ids = itertools.count()
    store = SqliteDatabase(database).open_store(lambda: f"a{next(ids)}")
    store._committer.close()
    connection = sqlite3.connect(database)
    assert connection.execute("SELECT count(*) FROM meta WHERE key = 'x'").fetchone() == (0,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert (tmp_path / "agentcron.db-wal.aside").stat().st_size > 0, "moved, not deleted"


def test_nothing_that_was_set_aside_is_overwritten(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    back_up(database, copy, NOW)
    for _ in range(2):
        leave_a_log(database, "x")
        database.write_bytes(copy.read_bytes())
        set_foreign_log_aside(str(database))
    assert {path.name for path in tmp_path.glob("*aside*")} == {
        "agentcron.db-wal.aside",
        "agentcron.db-wal.aside-2",
    }


def test_a_restore_moves_the_log_of_a_damaged_database_with_it(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    back_up(database, copy, NOW)
    leave_a_log(database, "x")
    database.write_bytes(b"no database any more " * 400)
    aside = put_in_place(inspect(copy, NOW), database, NOW)
    assert aside is not None
    assert Path(f"{aside}-wal").stat().st_size > 0
    assert not Path(f"{database}-wal").exists()


def test_free_room_is_counted_and_given_back(database: Path) -> None:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("CREATE TABLE ballast (x)")
    connection.execute("INSERT INTO ballast VALUES (zeroblob(500000))")
    connection.execute("DELETE FROM ballast")
    connection.close()
    assert free_bytes(database) > 400_000
    assert shrink(database) > 400_000
    assert free_bytes(database) == 0
