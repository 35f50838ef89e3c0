"""Our engine in a conversation of 500 messages of 2 kB: a rehearsal that reads a file in every step."""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import sys
from itertools import pairwise
from pathlib import Path

from bench.homes import make_home, opened
from bench.peers.langgraph_sqlite import TEXT, written
from scheduler.app.compose import App, open_app
from scheduler.config import load
from scheduler.core.actor import PERSON
from scheduler.engine.daemon.runner import Runner


def conversation_home(place: Path, messages: int) -> Path:
    """Make a home whose one job has such a conversation."""
    # Two files in turns: a run that does the same thing again and again is stopped.
    files = ("odd.txt", "even.txt")
    calls = [{"text": TEXT, "calls": [{"name": "read", "input": {"file_path": file}}]} for file in files]
    steps = [calls[number % 2] for number in range(messages // 2 - 1)]
    script = "".join(json.dumps(step) + "\n" for step in [*steps, {"text": TEXT}])
    crontab = '@manual  talk  "x"  model=rehearsal:talk.jsonl  max-steps=1000\n'
    home = make_home(place, crontab, talk=script)
    (home / "work" / "talk").mkdir(parents=True)
    for file in files:
        (home / "work" / "talk" / file).write_text(TEXT + "\n", encoding="utf-8")
    return home


async def queue_one(app: App, runner: Runner) -> None:
    """Load the crontab and queue a run of its job."""
    await runner.once()
    (job,) = runner.jobs.values()
    assert await app.services.store.fire_by(job, app.services.clock.now(), actor=PERSON)


async def work(home: Path) -> int:
    """Take the run to its end; return how many bytes were written for it."""
    async with open_app(load(str(home))) as app:
        runner = app.runner("tick")
        await queue_one(app, runner)
        before = written()
        await runner.once()
        app.presence.drop(runner.info.id)
        return written() - before


def main(place: Path, messages: int) -> None:
    """Make a home, do the work, and read off what each step took."""
    logging.disable(logging.WARNING)
    home = conversation_home(place, messages)
    total = asyncio.run(work(home))
    with opened(home) as connection:
        at = [row[0] / 1e3 for row in connection.execute("SELECT started_at FROM requests ORDER BY number")]
        (state,) = connection.execute("SELECT state FROM runs").fetchone()
        (stored,) = connection.execute("SELECT count(*) FROM messages").fetchone()
    assert state == "succeeded", state
    assert stored == messages, stored
    steps = [later - before for before, later in pairwise(at)]
    first, last = statistics.median(steps[:100]), statistics.median(steps[-100:])
    print(json.dumps({"written": total, "first": first, "last": last}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
