"""APScheduler 3 with its SQLAlchemyJobStore on SQLite: N interval jobs that all come due at one instant.

As durable as it gets: WAL and synchronous=FULL.  It stores a job's next time before it calls the job, so a
call that a crash interrupts is lost; ours would continue.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

import apscheduler
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import create_engine, event

THREADS = 20

called: list[float] = []
all_called = threading.Event()
expected = 0


def nothing() -> None:
    """Do nothing, and note when."""
    called.append(time.time())
    if len(called) >= expected:
        all_called.set()


def main(path: str, number: int) -> None:
    """Add the jobs, let them come due, and say how late each was."""
    global expected
    expected = number
    logging.disable(logging.WARNING)
    engine = create_engine(f"sqlite:///{path}")
    synchronous = "OFF"

    @event.listens_for(engine, "connect")
    def set_up(driver: Any, _: Any) -> None:
        driver.execute("PRAGMA journal_mode=WAL")
        driver.execute(f"PRAGMA synchronous={synchronous}")

    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(engine=engine)},
        executors={"default": ThreadPoolExecutor(THREADS)},
        job_defaults={"misfire_grace_time": None},
        timezone=UTC,
    )
    # Adding is not measured, so that it may be quick: synchronous is FULL again before anything is due.
    scheduler.start(paused=True)
    due = time.time() + 1.5 + number / 400
    for _ in range(number):
        scheduler.add_job(nothing, "interval", days=30, next_run_time=datetime.fromtimestamp(due, UTC))
    synchronous = "FULL"
    engine.dispose()
    assert time.time() < due, "the jobs were due before all of them were added"
    scheduler.resume()
    all_called.wait(120)
    with engine.connect() as connection:
        names = ("journal_mode", "synchronous")
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    late = sorted(each - due for each in called)
    print(
        json.dumps(
            {
                "version": apscheduler.version,
                "pragmas": pragmas,
                "per_second": number / late[-1],
                "p50": late[len(late) // 2],
                "p99": late[int(len(late) * 0.99) - 1],
            }
        )
    )
    scheduler.shutdown(wait=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
