"""Where the time of our runs goes: cProfile on both threads of the engine, its figures added up by part."""

from __future__ import annotations

import asyncio
import cProfile
import json
import logging
import pstats
import sys
import time
from collections import Counter
from pathlib import Path

from bench.homes import NOTHING, ask, have_run_before, make_home, many_jobs, opened, wait_for
from scheduler.adapters.sql.sqlite.committer import Committer
from scheduler.app.compose import open_app
from scheduler.config import load
from scheduler.doors.cli.text.logs import start_logging
from scheduler.engine.settings import Settings

WAITING = ("'poll' of 'select.epoll'", "'get' of '_queue.SimpleQueue'", "'acquire' of '_thread.lock'")
"""Built-in calls that wait and use nothing."""

PARTS = (
    ("SQLite itself (statements, commits, the disk)", ("sqlite3.",)),
    ("asyncio (tasks, futures, the loop)", ("/asyncio/", "_asyncio.")),
    ("logging", ("/logging/", "/cli/text/logs.py")),
    ("JSON", ("/json/", "_json.")),
    ("tenacity", ("/tenacity/",)),
    ("the store's rooms (adapters/sql)", ("/adapters/sql/",)),
    ("the engine (engine, core, tools)", ("/scheduler/",)),
)
REST = "the rest of Python"


def part_of(where: tuple[str, int, str]) -> str | None:
    """Return the part that a profiled function belongs to; None when it only waits."""
    file, _, name = where
    place = name if file == "~" else file
    if any(waiting in name for waiting in WAITING):
        return None
    return next((part for part, marks in PARTS if any(mark in place for mark in marks)), REST)


async def work(home: Path, runs: int, concurrency: int, profile: cProfile.Profile) -> None:
    """Take all runs, with the profile on from the moment that they are due."""
    async with open_app(load(str(home)), Settings(concurrency=concurrency)) as app:
        loaded = asyncio.Event()
        runner = app.runner("daemon", on_load=lambda *_: loaded.set())
        serving = asyncio.create_task(runner.serve())
        await loaded.wait()
        await asyncio.sleep(1)
        profile.enable()
        with opened(home) as connection:
            connection.execute("UPDATE jobs SET next_fire = ?", (int((time.time() + 0.2) * 1e6),))
        ended = "SELECT count(*) FROM runs WHERE state = 'succeeded'"
        await asyncio.to_thread(wait_for, lambda: ask(home, ended) >= runs, pause=0.5)
        profile.disable()
        runner.stop()
        await serving
        app.presence.drop(runner.info.id)


def main(place: Path, runs: int, concurrency: int) -> None:
    """Profile, add up, and print shares."""
    home = make_home(place, many_jobs(runs, "@every 30d", "rehearsal:nothing.jsonl"), nothing=NOTHING)
    have_run_before(home, runs)
    start_logging("text")
    with (place / "lines").open("w", encoding="utf-8") as log:
        logging.getLogger("agentcron").handlers[0].stream = log  # type: ignore[attr-defined]
        ours, theirs = cProfile.Profile(), cProfile.Profile()
        plain_work = Committer._work
        Committer._work = lambda self: theirs.runcall(plain_work, self)  # type: ignore[method-assign]
        asyncio.run(work(home, runs, concurrency, ours))
    shares: Counter[str] = Counter()
    for profile in (ours, theirs):
        for where, (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
            if (part := part_of(where)) is not None:
                shares[part] += own
    total = sum(shares.values())
    print(json.dumps({"shares": [[part, own / total] for part, own in shares.most_common()]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
