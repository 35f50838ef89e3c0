"""How a database is opened: its pages, and how long its log may grow."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scheduler.adapters.sql.sqlite.opening import PAGE_BYTES, open_engine
from scheduler.adapters.sql.sqlite.upgrade import upgrade


def pragma(path: Path, name: str) -> int:
    with open_engine(path).connect() as connection:
        return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def test_a_new_database_has_small_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    upgrade(path)
    assert pragma(path, "page_size") == PAGE_BYTES
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA page_size").fetchone() == (PAGE_BYTES,)


@pytest.mark.parametrize("page_bytes", [1024, 4096])
def test_a_database_keeps_its_pages_and_the_log_its_length(tmp_path: Path, page_bytes: int) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as old, old:
        old.execute(f"PRAGMA page_size={page_bytes}")
        old.execute("CREATE TABLE t (v TEXT)")
    assert pragma(path, "page_size") == page_bytes
    assert pragma(path, "wal_autocheckpoint") * page_bytes == 4_096_000
