"""Notices of a plug-in, through real processes: killed after sending, and sent again with the same id."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.notice import Notice
from tests.kit.processes import Installation

pytestmark = pytest.mark.process


async def queue(database: Path, notice: Notice) -> None:
    """Write a notice as a door or a duty does."""
    store = SqliteDatabase(database).open_store(lambda: "unused")
    try:
        assert await store.queue_notice(notice, datetime.now(UTC), "brief")
    finally:
        await store.close()


def spooled(folder: Path) -> list[tuple[str, str]]:
    lines = map(json.loads, (folder / "spool").read_text().splitlines())
    return [(line["id"], line["body"]) for line in lines]


def outbox(place: Installation) -> list[tuple[str, int, str]]:
    with closing(sqlite3.connect(place.database)) as database:
        return database.execute("SELECT state, tries, receipt FROM outbox").fetchall()


@pytest.mark.parametrize(
    ("point", "arrived"),
    [("outbox.after", 1), ("sent", 2), ("W15.inside", 2), ("W15", 1)],
)
def test_a_notice_of_a_plug_in_survives_a_kill_at(
    place: Installation, tmp_path: Path, point: str, arrived: int
) -> None:
    spool = tmp_path / "a spool"
    spool.mkdir()
    place.crontab('@manual  brief  "Hello."  model=rehearsal:brief.jsonl\n')
    place.do("tick")
    asyncio.run(queue(place.database, Notice("spool", str(spool), "The disk is füll.")))
    assert place.start("tick", crash=point).wait() == -signal.SIGKILL
    place.do("tick")
    place.do("tick")
    assert spooled(spool) == [("1", "The disk is füll.")] * arrived
    tries = 1 if point == "W15" else 2
    assert outbox(place) == [("sent", tries, "line 1")]
    lines = place.do("log", "--json").stdout.splitlines()
    assert [json.loads(line)["kind"] for line in lines].count("report") == tries, "each try is on record"


def test_a_plug_in_that_is_not_installed_gives_a_reason(place: Installation) -> None:
    place.crontab('@manual  brief  "Hello."  model=rehearsal:brief.jsonl\n')
    place.do("tick")
    asyncio.run(queue(place.database, Notice("pigeon", "roof", "Coo.")))
    said = place.do("tick")
    assert "job brief: a pigeon notice was not sent: no sender is known for a 'pigeon' notice" in said.stderr
    assert outbox(place) == [("given_up", 1, "")]
