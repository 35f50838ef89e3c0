"""DBOS Transact on SQLite (WAL, synchronous=FULL): N workflows of one step, which does nothing."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

from dbos import DBOS, DBOSConfig
from sqlalchemy import Engine, event

pragmas: list[Any] = []


@event.listens_for(Engine, "connect")
def set_up(driver: Any, _: Any) -> None:
    """Make every connection as durable as ours."""
    driver.execute("PRAGMA journal_mode=WAL")
    driver.execute("PRAGMA synchronous=FULL")
    pragmas[:] = [driver.execute(f"PRAGMA {p}").fetchone()[0] for p in ("journal_mode", "synchronous")]


@DBOS.step()
def ask() -> str:
    """Stand in for the one request of a run."""
    return "nothing to do"


@DBOS.workflow()
def run(_: int) -> str:
    """Do one step."""
    return ask()


def main(path: str, number: int) -> None:
    """Start all workflows at once and wait for all."""
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": f"sqlite:///{path}",
        "log_level": "ERROR",
        "run_admin_server": False,
    }
    DBOS(config=config)
    DBOS.launch()
    DBOS.start_workflow(run, -1).get_result()
    began = time.perf_counter()
    handles = [DBOS.start_workflow(run, n) for n in range(number)]
    for handle in handles:
        handle.get_result()
    taken = time.perf_counter() - began
    print(json.dumps({"version": version("dbos"), "pragmas": pragmas, "per_second": number / taken}))
    DBOS.destroy()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
