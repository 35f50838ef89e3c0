"""Sleeping runs in bulk: one real run is put to sleep by the engine, and its rows are copied many times."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from bench.homes import make_home, opened
from scheduler.app.compose import open_app
from scheduler.config import load
from scheduler.core.actor import PERSON

NAP = (
    '{"text": "I lie down.", "calls": [{"name": "sleep", "input": {"until": "1000h", "reason": "a nap"}}]}\n'
    '{"text": "Rested."}\n'
)
"""A rehearsal that sleeps once and ends after it was woken."""

JOB = "sleeper"

WHOLE = ("runs", "pins", "messages", "calls", "requests", "attempts", "wakeups")
"""The tables of a run that can be woken and continued."""

ASLEEP = ("runs", "wakeups")
"""What is looked at while runs sleep; a million whole conversations would be ten gigabytes."""


def home_with_sleepers(place: Path, number: int, jobs: int, tables: Sequence[str] = WHOLE) -> Path:
    """Return a home where ``number`` runs of ``jobs`` jobs sleep for a thousand hours.

    They differ in their ids, jobs and instants.

    Args:
        tables: the tables that are filled for every run.
    """
    home = make_home(place, f'@manual {JOB}-00000 "Rest." model=rehearsal:nap.jsonl\n', nap=NAP)
    logging.getLogger("agentcron").setLevel(logging.WARNING)
    asyncio.run(_put_to_sleep(home))
    with opened(home) as connection:
        _copy(connection, number, jobs, tables)
    return home


async def _put_to_sleep(home: Path) -> None:
    """Let the engine take one run to its sleep."""
    async with open_app(load(str(home))) as app:
        runner = app.runner("tick")
        await runner.once()
        (job,) = runner.jobs.values()
        assert await app.services.store.fire_by(job, app.services.clock.now(), actor=PERSON)
        await runner.once()
        app.presence.drop(runner.info.id)


def _copy(connection: sqlite3.Connection, number: int, jobs: int, tables: Sequence[str]) -> None:
    # Nobody else is here: no journal, no syncs, and a cache in which all indexes fit.
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TEMP TABLE n (n INTEGER PRIMARY KEY)")
    connection.execute(
        "INSERT INTO n WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?)"
        " SELECT n FROM c",
        (number - 1,),
    )
    # As a number in base 32 would be, with a letter in front: no copy meets an id of the original's kind.
    replaced = {
        "id": "printf('y%07d', n.n)",
        "run_id": "printf('y%07d', n.n)",
        "job": f"printf('{JOB}-%05d', n.n % {jobs})",
        "fire_time": "t.fire_time + n.n",
        "due": "t.due + n.n * 1000",
        "wake_at": "t.wake_at + n.n * 1000",
    }
    for table in tables:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        given = [c for c in columns if not (table == "wakeups" and c == "id")]
        values = [f"t.{c}" if table == "calls" and c == "id" else replaced.get(c, f"t.{c}") for c in given]
        connection.execute(
            f"INSERT INTO {table} ({', '.join(given)}) SELECT {', '.join(values)} FROM {table} t, n"
        )
    connection.execute("COMMIT")


def all_due_at(home: Path, instant: float) -> None:
    """Let every sleeper's wake-up come due at one instant."""
    due = int(instant * 1e6)
    with opened(home) as connection:
        connection.execute("UPDATE wakeups SET due = ? WHERE state = 'open'", (due,))


def due_in(home: Path, run: str, seconds: float) -> float:
    """Let one sleeper's wake-up come due so many seconds from now; return the instant."""
    instant = time.time() + seconds
    with opened(home) as connection:
        connection.execute(
            "UPDATE wakeups SET due = ? WHERE state = 'open' AND run_id = ?", (int(instant * 1e6), run)
        )
    return instant
