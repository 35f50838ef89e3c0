"""Our engine in a conversation of 500 messages of 2 kB: a rehearsal that reads a file in every step."""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import sys
from pathlib import Path

from bench.homes import make_home, opened
from bench.peers.langgraph_sqlite import TEXT, written
from scheduler.app import open_app
from scheduler.config import load


async def work(home: Path) -> int:
    """Take the run to its end; return how many bytes were written for it."""
    async with open_app(load(str(home))) as app:
        runner = app.runner("tick")
        await runner.once()
        (job,) = runner.jobs.values()
        assert await app.kit.store.fire_by(job, "person", app.kit.clock.now())
        before = written()
        await runner.once()
        app.presence.drop(runner.info.id)
        return written() - before


def main(place: Path, messages: int) -> None:
    """Make a home, do the work, and read off what each step took."""
    logging.disable(logging.WARNING)
    call = {"text": TEXT, "calls": [{"name": "read", "input": {"file_path": "two-kilobytes.txt"}}]}
    script = (json.dumps(call) + "\n") * (messages // 2 - 1) + json.dumps({"text": TEXT}) + "\n"
    crontab = '@manual  talk  "x"  model=rehearsal:talk.jsonl  max-steps=1000\n'
    home = make_home(place, crontab, talk=script)
    (home / "work" / "talk").mkdir(parents=True)
    (home / "work" / "talk" / "two-kilobytes.txt").write_text(TEXT + "\n", encoding="utf-8")
    total = asyncio.run(work(home))
    with opened(home) as connection:
        at = [row[0] / 1e3 for row in connection.execute("SELECT started_at FROM requests ORDER BY number")]
        (state,) = connection.execute("SELECT state FROM runs").fetchone()
        stored, size = connection.execute("SELECT count(*), sum(length(content)) FROM messages").fetchone()
    assert state == "succeeded", state
    assert stored == messages, stored
    steps = [b - a for a, b in zip(at, at[1:], strict=False)]
    print(
        json.dumps(
            {
                "written": total,
                "first": statistics.median(steps[:100]),
                "last": statistics.median(steps[-100:]),
                "size": size,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
