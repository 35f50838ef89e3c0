"""Where private data may lie: a workdir's mark counts for the folders inside it and around it, no others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.adapters.sql.crash_points import PERSON as PERSON_POINTS
from scheduler.adapters.sql.sqlite.driver import SqliteConnection
from scheduler.adapters.sql.units.changes import stains
from scheduler.core.actor import PERSON
from scheduler.core.changes.stain import Stain
from scheduler.errors import RefusedError
from scheduler.ports.room import StepContext
from scheduler.testing.world import open_world
from tests.kit.sql import sql_store

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def marked() -> Iterator[SqliteConnection]:
    """A database in which /srv/a/work alone is marked."""
    with closing(sqlite3.connect(":memory:")) as driver:
        driver.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
        driver.execute("INSERT INTO meta VALUES ('restored', '1'), ('private;', '1')")
        connection = SqliteConnection(driver)
        stains.write(connection, StepContext("a", "r1", NOON, None), Stain("/srv/a/work"))
        yield connection


@pytest.mark.parametrize("folder", ["/srv/a/work", "/srv/a/work/deep/er", "/srv/a", "/srv"])
def test_the_folder_itself_what_is_in_it_and_what_holds_it(marked: SqliteConnection, folder: str) -> None:
    assert stains.is_stained(marked, folder)


@pytest.mark.parametrize("folder", [None, "/srv/a/work2", "/srv/a/wor", "/srv/b", "/srv/%/work", ";"])
def test_no_other(marked: SqliteConnection, folder: str | None) -> None:
    assert not stains.is_stained(marked, folder)


async def test_a_person_cleans_a_folder_with_all_in_it_but_not_what_is_in_a_marked_one(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path) as world:
        now = world.clock.now()
        await sql_store(world.store)._write(
            PERSON_POINTS, lambda c: stains.write(c, StepContext("a", "r", now, None), Stain("/w/a"))
        )
        with pytest.raises(RefusedError, match="/w/a/b is in /w/a, which is not clean"):
            await world.store.clean("/w/a/b", now, actor=PERSON)
        assert await world.store.clean("/w", now, actor=PERSON)
        assert not await world.store.clean("/w/a", now, actor=PERSON)
