"""Homes of before the first release: at 0002 they go on, at the 0001 of that time they are refused."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.adapters.sql.migrate import MIGRATIONS
from scheduler.adapters.sql.schema import BEFORE_GRANTS, HEAD, REVISIONS, STAMPED, judge
from scheduler.adapters.sql.sqlite.backup import back_up
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.adapters.sql.sqlite.restore import inspect, put_in_place
from scheduler.adapters.sql.sqlite.revision import stored_revision
from scheduler.adapters.sql.sqlite.upgrade import upgrade
from scheduler.core.run.run import State
from scheduler.errors import StoreError
from scheduler.testing.world import open_world
from tests.kit.old_homes import CRONTAB, SLEEPER, load_home, version_and_rest
from tests.unit.test_migrations import shape

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_a_home_at_0002_is_stamped_and_then_brought_to_the_present(tmp_path: Path) -> None:
    path = load_home(tmp_path / "home", "0002")
    version, before = version_and_rest(path)
    assert (version, judge(version)) == ("0002", "older")
    assert upgrade(path) is True
    version, after = version_and_rest(path)
    assert version == HEAD
    frames = Counter({'"frames"': 1})  # the pin's, which stands by itself now
    assert rows_of(after) == rows_of(before) + frames
    assert upgrade(path) is False
    upgrade(tmp_path / "fresh.db")
    assert shape(path) == shape(tmp_path / "fresh.db")


def rows_of(dump: list[str]) -> Counter[str]:
    """Return how many rows each table has."""
    return Counter(line.split()[2] for line in dump if line.startswith("INSERT INTO"))


async def test_the_sleeper_of_a_home_at_0002_wakes_and_finishes(tmp_path: Path) -> None:
    load_home(tmp_path / "home", "0002")
    async with open_world(tmp_path / "home") as world:
        world.clock.jump_to(NOW)
        await world.load(CRONTAB)
        await world.settle()
        assert (await world.run(SLEEPER)).state is State.SLEEPING
        await world.jump()
        assert world.clock.now() == datetime(2026, 11, 26, 9, 1, tzinfo=UTC)
        run = await world.run(SLEEPER)
    assert (run.state, run.summary, str(run.marks)) == (State.SUCCEEDED, "Rested.", "untrusted:read")


def test_a_home_at_0002_is_backed_up_and_restored_as_it_is(tmp_path: Path) -> None:
    path = load_home(tmp_path / "home", "0002")
    back_up(path, tmp_path / "copy", NOW)
    assert inspect(tmp_path / "copy", NOW).asleep == 1
    put_in_place(inspect(tmp_path / "copy", NOW), path, NOW)
    assert version_and_rest(path)[0] == "0002"
    upgrade(path)
    with SqliteDatabase(path).history() as reader:
        assert [run.state for run in reader.runs()] == [State.SLEEPING]


def test_who_only_looks_at_a_home_at_0002_is_told_to_start_it(tmp_path: Path) -> None:
    path = load_home(tmp_path / "home", "0002")
    with pytest.raises(StoreError, match="from an older agentcron") as caught:
        SqliteDatabase(path).history()
    assert "agentcron up" in caught.value.help


def test_a_home_from_before_grants_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = load_home(tmp_path / "home", "0001")
    before = version_and_rest(path)

    def copy() -> None:
        back_up(path, tmp_path / "copy", NOW)

    for use in (
        lambda: upgrade(path),
        lambda: SqliteDatabase(path).history(),
        copy,
        lambda: inspect(path, NOW),
    ):
        with pytest.raises(StoreError, match="before agentcron had grants") as caught:
            use()
        assert str(path) in caught.value.message
        assert "with commit 73f3c62" in caught.value.help
    assert version_and_rest(path) == before
    assert not list(tmp_path.glob("*copy*"))


def test_a_present_home_that_lost_a_table_is_not_taken_for_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    upgrade(path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE grants")
        assert stored_revision(database) == HEAD
    with closing(sqlite3.connect(load_home(tmp_path / "home", "0001"))) as database:
        assert stored_revision(database) == BEFORE_GRANTS


def test_no_revision_is_called_0002_again() -> None:
    names = {path.name[1:5] for path in (MIGRATIONS / "versions").glob("r*.py")}
    assert names == set(REVISIONS), "a file for each revision"
    assert not names & set(STAMPED), "a database that says 0002 may be one of before the first release"
    assert set(STAMPED.values()) <= names
    assert list(REVISIONS) == sorted(REVISIONS)
