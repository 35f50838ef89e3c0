"""A bare loop of the driver: exactly the statements of our own runs, recorded and done again.

What SQLite and the disk take by themselves; whatever ours takes longer is Python's.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import sys
import threading
import time
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from bench.homes import NOTHING, ask, have_run_before, make_home, many_jobs, opened, wait_for

Said = tuple[str, Any, bool]
heard: list[Said] = []


def _hear(sql: str, values: Any, several: bool) -> None:
    if threading.current_thread().name == "agentcron-committer":
        heard.append((sql, values, several))


class Recorder(sqlite3.Connection):
    """A connection that notes every statement and its values."""

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        """Note and execute."""
        _hear(sql, values, False)
        return super().execute(sql, values)

    def cursor(self, factory: Any = sqlite3.Cursor) -> Any:
        """Return a cursor that notes, too."""
        return super().cursor(_noting(factory))


@cache
def _noting(factory: Any) -> Any:
    class Noting(factory):  # type: ignore[misc]
        def execute(self, sql: str, values: Any = ()) -> Any:
            _hear(sql, dict(values) if isinstance(values, Mapping) else values, False)
            return super().execute(sql, values)

        def executemany(self, sql: str, values: Any) -> Any:
            kept = [dict(each) for each in values]
            _hear(sql, kept, True)
            return super().executemany(sql, kept)

    return Noting


async def record(home: Path, runs: int, concurrency: int, copy: Path) -> None:
    """Let the engine take all runs; keep a copy of the database as it was before."""
    from scheduler.app.compose import open_app
    from scheduler.config import load
    from scheduler.engine.settings import Settings

    async with open_app(load(str(home)), Settings(concurrency=concurrency)) as app:
        loaded = asyncio.Event()
        runner = app.runner("daemon", on_load=lambda *_: loaded.set())
        serving = asyncio.create_task(runner.serve())
        await loaded.wait()
        await asyncio.sleep(1)
        with opened(home) as connection:
            target = sqlite3.connect(copy, isolation_level=None)
            connection.backup(target)
            heard.clear()
            due = int((time.time() + 0.5) * 1e6)
            for each in (target, connection):
                each.execute("UPDATE jobs SET next_fire = ?", (due,))
            target.close()
        ended = "SELECT count(*) FROM runs WHERE state = 'succeeded'"
        await asyncio.to_thread(wait_for, lambda: ask(home, ended) >= runs, pause=0.2)
        runner.stop()
        await serving
        app.presence.drop(runner.info.id)


def replay(copy: Path) -> float:
    """Do every statement again, one after the other, rows fetched; return the seconds."""
    connection = sqlite3.connect(copy, isolation_level=None, cached_statements=256)
    for pragma in ("foreign_keys=1", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    began = time.perf_counter()
    for sql, values, several in heard:
        if several:
            connection.executemany(sql, values)
        else:
            connection.execute(sql, values).fetchall()
    taken = time.perf_counter() - began
    connection.close()
    return taken


def main(place: Path, runs: int, concurrency: int) -> None:
    """Record, replay, and say how fast that was."""
    logging.disable(logging.WARNING)
    place.mkdir(parents=True)
    crontab = many_jobs(runs, "@every 30d", "rehearsal:nothing.jsonl")
    home = make_home(place / "home", crontab, nothing=NOTHING)
    have_run_before(home, runs)
    sqlite3.connect = partial(sqlite3.connect, factory=Recorder)  # type: ignore[assignment]
    asyncio.run(record(home, runs, concurrency, place / "copy.db"))
    taken = replay(place / "copy.db")
    print(json.dumps({"per_second": runs / taken, "statements": len(heard)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
