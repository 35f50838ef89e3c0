"""Retention through the command line: what goes, what stays, and a kill in the middle of it."""

from __future__ import annotations

import signal
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from tests.kit.person import ask
from tests.kit.processes import Installation

pytestmark = pytest.mark.process

DAY_US = round(timedelta(days=1).total_seconds() * 1e6)
# Long enough that a run which goes leaves whole pages free.
CRONTAB = f"""\
MODEL = rehearsal:script.jsonl
@manual  nap   "Take a nap. {"Rest well. " * 1_000}"  keep=30d
@manual  diary "Write"
"""


@pytest.fixture
def old(place: Installation) -> Installation:
    """A home with three naps and two pages of a diary, all of them hundred days old and more."""
    place.crontab(CRONTAB)
    place.home.chmod(0o700)
    (place.home / "script.jsonl").write_text('{"text": "Rested."}\n')
    for job in ("nap", "diary", "nap", "diary", "nap"):
        place.do("run", job, "--wait")
    age(place.database, 100)
    return place


def age(database: Path, days: int) -> None:
    """Let all that happened so far have happened so many days earlier."""
    connection = sqlite3.connect(database)
    with connection:
        for table, *columns in (
            ("runs", "fire_time", "created_at", "started_at", "ended_at"),
            ("requests", "started_at", "ended_at"),
        ):
            moved = ", ".join(f"{column} = {column} - {days * DAY_US}" for column in columns)
            connection.execute(f"UPDATE {table} SET {moved}")
    connection.close()


def naps(place: Installation) -> int:
    listed = place.json("list", "--all")
    return sum(run["job"] == "nap" for run in listed["runs"])


def test_what_is_old_goes_and_the_last_run_stays(old: Installation) -> None:
    ask(old, "prune", "--dry-run").is_fine("2 runs would be deleted", "nothing was changed")
    assert naps(old) == 3
    ask(old, "prune").is_fine("2 runs deleted", "agentcron prune --shrink")
    assert naps(old) == 1
    ask(old, "prune").is_fine("nothing is old enough")
    assert old.json("prune", "--older-than", "99d")["runs"] == 1, "the diary said nothing"
    assert len(old.json("list", "--all")["runs"]) == 2
    assert ask(old, "doctor").is_clean().out.count("PROBLEM") == 0


def test_shrinking_gives_room_back_and_needs_quiet(old: Installation) -> None:
    old.do("prune", "--older-than", "1d")
    said = ask(old, "prune", "--shrink").is_fine("returned to the disk: ")
    assert "returned to the disk: 0 bytes" not in said.out
    daemon = old.start("up")
    from tests.kit.processes import until

    until(lambda: "crontab loaded" in daemon.stderr, 30, lambda: daemon.stderr)
    ask(old, "prune", "--shrink").is_error(4, f"pid {daemon.pid}")
    ask(old, "prune").is_fine()


@pytest.mark.parametrize("point, left", [("prune.inside", 3), ("prune", 1)])
def test_a_killed_prune_deleted_whole_runs_or_none(old: Installation, point: str, left: int) -> None:
    assert old.start("prune", crash=point).wait() == -signal.SIGKILL
    assert naps(old) == left
    old.do("prune")
    assert naps(old) == 1
    connection = sqlite3.connect(old.database)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert connection.execute("SELECT count(DISTINCT run_id) FROM messages").fetchone() == (3,)
    connection.close()


def test_a_changed_crontab_counts_at_once(old: Installation) -> None:
    old.crontab(CRONTAB.replace("keep=30d", "keep=forever"))
    said = ask(old, "prune", "--dry-run").is_fine("2 runs would be deleted")
    assert "the crontab has changed since it was loaded" in said.err
    ask(old, "prune").is_fine("nothing is old enough")
    assert naps(old) == 3


def test_what_cannot_be(place: Installation) -> None:
    place.crontab(CRONTAB)
    ask(place, "prune").is_error(3, "there is no database")
    ask(place, "prune", "--older-than", "1h").is_error(2, "--older-than", "90d")
    ask(place, "prune", "--shrink", "--dry-run").is_error(2, "cannot be combined")
