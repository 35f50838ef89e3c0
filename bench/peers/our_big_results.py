"""Our engine in a conversation of many results of 5 kB: how much is written, and whether it stays flat."""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import sys
from itertools import pairwise
from pathlib import Path

from bench.homes import make_home, opened
from bench.peers.our_conversation import work

RESULT = "".join(f"line {number:04} of a log that an agent reads\n" for number in range(125))
"""A little more than 5 kB, as a tool gives it."""


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


def main(place: Path, calls: int) -> None:
    """Make a home, do the work, and read off what each call took."""
    logging.disable(logging.WARNING)
    home = results_home(place, calls)
    total = asyncio.run(work(home))
    with opened(home) as connection:
        at = [row[0] / 1e3 for row in connection.execute("SELECT started_at FROM requests ORDER BY number")]
        (state,) = connection.execute("SELECT state FROM runs").fetchone()
        (done,) = connection.execute("SELECT count(*) FROM calls WHERE state = 'done'").fetchone()
        (size,) = connection.execute("SELECT sum(length(content)) FROM messages").fetchone()
    assert state == "succeeded", state
    steps = [later - before for before, later in pairwise(at)]
    first, last = statistics.median(steps[:10]), statistics.median(steps[-10:])
    print(json.dumps({"written": total, "done": done, "size": size, "first": first, "last": last}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
