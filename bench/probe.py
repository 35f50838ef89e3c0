"""The disk probe: how many durable commits of one row SQLite makes in one second, here and now.

The same disk gives 137 or 5,000 of them, by the hour; a figure without its probe means nothing.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path


def commits_per_second(folder: Path) -> int:
    """Return the number of commits in one second, WAL and synchronous=FULL, in a folder of its own there."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        connection = sqlite3.connect(Path(own) / "probe.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE t (v INTEGER)")
        done, end = 0, time.perf_counter() + 1
        while time.perf_counter() < end:
            connection.execute("INSERT INTO t VALUES (1)")
            done += 1
        connection.close()
    return done
