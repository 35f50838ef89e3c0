"""Homes that an agentcron of before the first release has left, loaded from what it had in its database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

DUMPS = Path(__file__).parents[1] / "data" / "homes"

SLEEPER = "xsf44h2c"
"""The run of the home at 0002: it has read a file, and sleeps until 2026-11-26T09:01Z."""

CRONTAB = '@manual  nap  "Nap."  tools=read model=rehearsal:nap.jsonl\n'
NAP = """\
{"text": "First I read.", "calls": [{"name": "read", "input": {"file_path": "inbox.md"}}]}
{"text": "I lie down.", "calls": [{"name": "sleep", "input": {"until": "3d", "reason": "a nap"}}]}
{"text": "", "calls": [{"name": "finish", "input": {"summary": "Rested.", "outcome": "done"}}]}
"""


def load_home(home: Path, revision: str) -> Path:
    """Make a home as it was at a revision of before the first release; return its database."""
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "crontab").write_text(CRONTAB, encoding="utf-8")
    (home / "nap.jsonl").write_text(NAP, encoding="utf-8")
    (home / "work" / "nap").mkdir(parents=True)
    path = home / "agentcron.db"
    script = (DUMPS / f"{revision}.sql").read_text(encoding="utf-8").replace("@HOME", str(home))
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)
        database.execute("PRAGMA journal_mode=WAL")
    path.chmod(0o600)
    return path


def version_and_rest(path: Path) -> tuple[str, list[str]]:
    """Return the revision that a database says, and all else that is in it, as SQL."""
    with closing(sqlite3.connect(path)) as database:
        [version] = database.execute("SELECT version_num FROM alembic_version").fetchone()
        rest = [line for line in database.iterdump() if not line.startswith('INSERT INTO "alembic_version"')]
    return str(version), rest
