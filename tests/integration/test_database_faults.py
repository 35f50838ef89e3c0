"""What can be wrong with a database: each case is one clear StoreError, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import itertools
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.adapters.sql.sqlite.opening import open_engine
from scheduler.adapters.sql.sqlite.upgrade import upgrade
from scheduler.adapters.sql.store import SqlStore
from scheduler.core.actor import PERSON
from scheduler.core.job.job import Job
from scheduler.core.run.conversation import Message
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.core.time.trigger import Manual
from scheduler.errors import StoreError
from tests.kit.sql import committer_of

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
JOB = Job("brief", Manual(), "Say hello.")


def open_store(path: Path, *, busy_seconds: float = 10) -> SqlStore:
    ids = itertools.count(1)
    return SqliteDatabase(path).open_store(lambda: f"a{next(ids):03}", busy_seconds=busy_seconds)


def in_store(store: SqlStore, work: Callable[[Connection], object]) -> object:
    """Run something on the store's own connection."""
    return committer_of(store).submit(work, writes=False).result()


def big_step() -> Step:
    block = {"type": "text", "text": "x" * 400_000}
    return Step(at=NOON, messages=(Message(1, "user", (block,), "own", NOON),))


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database, but long enough to look like one. " * 100)


def directory(path: Path) -> None:
    path.mkdir()


def missing_directory(path: Path) -> None:
    path.parent.rmdir()


def newer(path: Path) -> None:
    upgrade(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


OPENING: list[tuple[Callable[[Path], None], str, str]] = [
    (missing_directory, "the directory .* does not exist", "mkdir -p"),
    (directory, "is a directory", "move it away"),
    (garbage, "is not an agentcron database", "--home"),
    (newer, "newer agentcron", "upgrade agentcron"),
]


@pytest.mark.parametrize("spoil, words, mend", OPENING)
def test_a_file_that_cannot_be_used_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], words: str, mend: str
) -> None:
    path = tmp_path / "home" / "agentcron.db"
    path.parent.mkdir()
    spoil(path)
    with pytest.raises(StoreError, match=words) as caught:
        open_store(path)
    assert str(path.parent) in caught.value.message
    assert mend in caught.value.help
    with pytest.raises(StoreError):
        SqliteDatabase(path).history()


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    garbage(path)
    before = path.read_bytes()
    with pytest.raises(StoreError):
        open_store(path)
    assert path.read_bytes() == before
    with pytest.raises(StoreError, match="is not an agentcron database"):
        SqliteDatabase(path).history()


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    (tmp_path / "a.db").touch()
    asyncio.run(open_store(tmp_path / "a.db").close())
    SqliteDatabase(tmp_path / "a.db").history().close()


async def test_a_database_that_another_process_holds_is_waited_for_and_then_named(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db", busy_seconds=0.1)
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"a\.db is locked by another process"):
        await store.fire_by(JOB, NOON, actor=PERSON)
    assert await store.standings() == []  # readers are not held up
    other.execute("COMMIT")
    other.close()
    assert await store.fire_by(JOB, NOON, actor=PERSON) is not None
    await store.close()


async def test_a_held_database_is_waited_for_when_it_is_let_go_in_time(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db", busy_seconds=10)
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    firing = asyncio.create_task(store.fire_by(JOB, NOON, actor=PERSON))
    await asyncio.sleep(0.1)
    other.execute("COMMIT")
    other.close()
    assert await firing is not None
    await store.close()


async def test_a_full_disk_stops_a_step_and_lets_it_through_later(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db")
    run = await store.fire_by(JOB, NOON, actor=PERSON)
    [lease] = await store.claim("r1", NOON, limit=1, lease_seconds=30)
    before = await store.checkpoint(lease, NOON)
    in_store(store, lambda c: c.execute(text("PRAGMA max_page_count=60")).all())
    with pytest.raises(StoreError, match=r"the disk that holds the database .*a\.db is full"):
        await store.commit(lease, big_step())
    assert await store.checkpoint(lease, NOON) == before
    in_store(store, lambda c: c.execute(text("PRAGMA max_page_count=100000")).all())
    await store.commit(lease, big_step())
    assert await store.checkpoint(lease, NOON) == before.apply(big_step())
    assert run is not None
    await store.close()


async def test_a_full_disk_fails_everybody_in_the_batch_and_keeps_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db")
    jobs = [Job(f"j{n}", Manual(), "x") for n in range(8)]
    for job in jobs:
        await store.fire_by(job, NOON, actor=PERSON)
    leases = await store.claim("r1", NOON, limit=8, lease_seconds=30)
    in_store(store, lambda c: c.execute(text("PRAGMA max_page_count=60")).all())
    outcomes = await asyncio.gather(
        *(store.commit(lease, Step(at=NOON, new_step=True)) for lease in leases[:4]),
        store.commit(leases[4], big_step()),
        *(store.commit(lease, Step(at=NOON, move=Move.FINISH)) for lease in leases[5:]),
        return_exceptions=True,
    )
    kept = [outcome is None for outcome in outcomes]
    runs = [await store.run(lease.run_id) for lease in leases]
    # Whoever was told "written" is written, whoever was told "not" is not: in whatever batches they came.
    for run, acknowledged in zip(runs, kept, strict=True):
        assert run is not None
        assert (run.steps == 1 or run.state is State.SUCCEEDED) == acknowledged
    assert isinstance(outcomes[4], StoreError)
    await store.close()


async def test_a_connection_that_may_not_write_says_read_only(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db")
    in_store(store, lambda c: c.execute(text("PRAGMA query_only=1")))
    with pytest.raises(StoreError, match="read-only"):
        await store.fire_by(JOB, NOON, actor=PERSON)
    in_store(store, lambda c: c.execute(text("PRAGMA query_only=0")))
    assert await store.fire_by(JOB, NOON, actor=PERSON) is not None
    await store.close()


def _overwrite(path: Path, first: int) -> None:
    with open(path, "r+b") as file:
        file.seek(first)
        file.write(os.urandom(path.stat().st_size - first))


async def fire_once(path: Path) -> None:
    store = open_store(path)
    try:
        await store.fire_by(JOB, NOON, actor=PERSON)
    finally:
        await store.close()


async def test_a_damaged_page_is_said_and_nothing_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = open_store(path)
    await store.fire_by(JOB, NOON, actor=PERSON)
    await store.close()
    _overwrite(path, 4096)
    size = path.stat().st_size
    with pytest.raises(StoreError, match=r"a\.db is damaged") as caught:
        await fire_once(path)
    assert "backup" in caught.value.help
    assert path.stat().st_size == size


def test_the_reader_names_damage_too(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    upgrade(path)
    _overwrite(path, 4096)
    with pytest.raises(StoreError, match="damaged"):
        with SqliteDatabase(path).history() as reader:
            reader.standings()


async def test_a_database_replaced_under_us_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = open_store(path)
    path.rename(tmp_path / "moved.db")
    upgrade(path)
    with pytest.raises(StoreError, match="was replaced") as caught:
        await store.fire_by(JOB, NOON, actor=PERSON)
    assert "takes up the new one" in caught.value.help
    await store.close()


def test_every_commit_is_synced(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "a.db")
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = open_store(tmp_path / "a.db")
    asyncio.run(store.close())
    asyncio.run(store.close())
    with pytest.raises(StoreError, match="closed"):
        asyncio.run(store.standings())
