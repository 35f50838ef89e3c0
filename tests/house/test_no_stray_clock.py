"""Nobody reads the clock behind the port's back: of a frozen year 2001 nothing reaches the store."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from freezegun import freeze_time

from scheduler.adapters.system import SystemClock
from scheduler.testing.rehearsal import script
from scheduler.testing.world import open_world

OLD = "2001-02-03T04:05:06+00:00"
_BEGIN, _END = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (2001, 2002))


def suspicious(database: Path) -> Iterator[str]:
    """Yield every stored value that is an instant of 2001, as number or as text."""
    connection = sqlite3.connect(database)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        cursor = connection.execute(f"SELECT * FROM {table}")
        columns = [column[0] for column in cursor.description]
        for row in cursor:
            for column, value in zip(columns, row, strict=True):
                if isinstance(value, int) and any(
                    _BEGIN * unit <= value < _END * unit for unit in (1, 1_000, 1_000_000)
                ):
                    yield f"{table}.{column} = {value}"
                if isinstance(value, str) and re.search(r"\b2001-\d\d-\d\d", value):
                    yield f"{table}.{column} = {value}"
    connection.close()


async def scenario(folder: Path) -> Path:
    """Fire, run, sleep, wake, fail, skip, park, report: something of everything."""
    async with open_world(folder) as world:
        play = script().call("write", file_path="a.md", content="x").also("note", text="n").sleep("in 2 days")
        world.script("work", play.call("grep", pattern="x").finish("Done."))
        world.script("bad", script().finish("No.", outcome="failed"))
        await world.load(
            '0 * * * *  work  "x"  model=rehearsal:work.jsonl report="true"\n'
            '@manual  bad  "x"  model=rehearsal:bad.jsonl\n'
            '@manual  shut  "x"  model=rehearsal:bad.jsonl gate="false"\n'
            '@manual  lost  "x"  model=rehearsal:none.jsonl\n'
        )
        for _ in range(5):
            world.clock.advance(1800)
            await world.settle()
        for job in ("bad", "shut", "lost"):
            await world.play(job)
        await world.jump()
        await world.send_reports()
        return world.config.database


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_no_instant_of_a_frozen_year_reaches_the_store(tmp_path: Path) -> None:
    # Once unfrozen: a module that is first imported in the frozen year would keep its false clock for good.
    (tmp_path / "warm").mkdir()
    await scenario(tmp_path / "warm")
    with freeze_time(OLD, real_asyncio=True):
        assert SystemClock().now().year == 2001, "the alarm is armed"
        database = await scenario(tmp_path)
    assert list(suspicious(database)) == []


async def test_the_alarm_would_ring(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.clock.jump_to(datetime.fromisoformat(OLD))
        await world.load('@manual  work  "x"  model=rehearsal:work.jsonl')
        await world.fire("work")
        assert any(found.startswith("runs.fire_time") for found in suspicious(world.config.database))
