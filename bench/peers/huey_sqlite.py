"""Huey on SQLite with ``fsync``: N tasks that do nothing.

A worker deletes a task before it does it, so that a crash in the middle loses the task: fast, and not
durable in the sense of the others.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from importlib.metadata import version

from huey import SqliteHuey

WORKERS = 8


def main(path: str, number: int) -> None:
    """Queue all tasks, then start the workers and wait for the last."""
    logging.disable(logging.WARNING)
    huey = SqliteHuey(filename=path, fsync=True)
    done: list[int] = []
    all_done = threading.Event()

    @huey.task()
    def nothing(n: int) -> int:
        done.append(n)
        if len(done) >= number:
            all_done.set()
        return n

    for n in range(number):
        nothing(n)
    consumer = huey.create_consumer(workers=WORKERS, periodic=False, initial_delay=0.001, max_delay=0.01)
    began = time.perf_counter()
    consumer.start()
    all_done.wait(120)
    taken = time.perf_counter() - began
    connection = huey.storage.conn
    pragmas = [connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("journal_mode", "synchronous")]
    print(json.dumps({"version": version("huey"), "pragmas": pragmas, "per_second": number / taken}))
    consumer.stop()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
