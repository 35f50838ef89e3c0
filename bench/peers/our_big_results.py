"""Our engine in a conversation of many results of 5 kB: how much is written, and whether it stays flat."""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.homes import make_home, opened
from bench.peers.our_conversation import work
from scheduler.adapters.rehearsal.model import RehearsalModel
from scheduler.core.run.conversation import Usage
from scheduler.ports.model import Reply

RESULT = "".join(f"line {number:04} of a log that an agent reads\n" for number in range(125))
"""A little more than 5 kB, as a tool gives it."""


TOKENS_A_CALL = 2_090


def results_home(place: Path, calls: int) -> Path:
    """Make a home whose one job reads 5 kB so many times."""
    # Two files in turns: a run that does the same thing again and again is stopped.
    files = ("odd.log", "even.log")
    steps = [
        {"text": "Next.", "calls": [{"name": "read", "input": {"file_path": files[number % 2]}}]}
        for number in range(calls)
    ]
    script = "".join(json.dumps(step) + "\n" for step in [*steps, {"text": "All read."}])
    # Two steps a round, and the last answer.
    options = f"max-steps={2 * calls + 1} compact=10000k"
    home = make_home(place, f'@manual  talk  "x"  model=rehearsal:talk.jsonl  {options}\n', talk=script)
    (home / "work" / "talk").mkdir(parents=True)
    for file in files:
        (home / "work" / "talk" / file).write_text(RESULT, encoding="utf-8")
    return home


def listen() -> list[float]:
    """Return a list that gets the CPU time of this process at every request from now on.

    CPU time, because what else the machine does makes calls slower, and not more work.
    """
    asked_at: list[float] = []
    plain = RehearsalModel.ask

    async def ask(self: RehearsalModel, *args: Any, **options: Any) -> Reply:
        asked_at.append(time.process_time())
        reply = await plain(self, *args, **options)
        # As an API counts; a rehearsal counts nothing, and then the whole conversation is guessed each time.
        return replace(reply, usage=Usage(input_tokens=TOKENS_A_CALL * len(asked_at)))

    RehearsalModel.ask = ask  # type: ignore[method-assign]
    return asked_at


def main(place: Path, calls: int) -> None:
    """Make a home, do the work, and say what each call took."""
    logging.disable(logging.WARNING)
    home = results_home(place, calls)
    asked_at = listen()
    total = asyncio.run(work(home))
    with opened(home) as connection:
        (state,) = connection.execute("SELECT state FROM runs").fetchone()
        (done,) = connection.execute("SELECT count(*) FROM calls WHERE state = 'done'").fetchone()
        (size,) = connection.execute("SELECT sum(length(content)) FROM messages").fetchone()
    assert state == "succeeded", state
    steps = [1000 * (later - before) for before, later in pairwise(asked_at)]
    first, last = statistics.median(steps[:10]), statistics.median(steps[-10:])
    print(json.dumps({"written": total, "done": done, "size": size, "first": first, "last": last}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
