"""The kill switch in a storm: two daemons, many runs full of calls, and a second later nothing starts."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.kit.processes import Installation, until

pytestmark = pytest.mark.process

JOBS = 4


def storm(place: Installation) -> None:
    """Jobs that fire every second, each with dozens of calls, a gate and a report that leave lines."""
    turns = [
        {"text": "", "calls": [{"name": "stamp", "input": {"text": f"{number}"}}] * 3} for number in range(20)
    ]
    place.home.mkdir(mode=0o700, exist_ok=True)
    (place.home / "work.jsonl").write_text(
        "".join(json.dumps(turn) + "\n" for turn in turns) + '{"text": "Done."}\n'
    )
    lines = [
        f'@every 1s  job-{number}  "Work."  model=rehearsal:work.jsonl tools=stamp overlap=allow'
        f' max-steps=1000 gate="echo g >> {place.home}/gates" report="cat >> {place.home}/reports"\n'
        for number in range(JOBS)
    ]
    place.crontab("".join(lines))


def effects(place: Installation) -> dict[str, int]:
    """Everything that has happened so far: stamps, gates and reports by size, requests by their rows."""
    files = [*place.home.glob("work/*/stamps"), place.home / "gates", place.home / "reports"]
    found = {str(path): path.stat().st_size for path in files if path.exists()}
    with closing(sqlite3.connect(place.database)) as connection:
        (found["requests"],) = connection.execute("SELECT count(*) FROM requests").fetchone()
        (found["started"],) = connection.execute(
            "SELECT count(*) FROM calls WHERE started_at IS NOT NULL"
        ).fetchone()
        (found["attempts"],) = connection.execute("SELECT count(*) FROM attempts").fetchone()
    return found


@pytest.mark.parametrize("by", ["the verb", "touch"])
def test_a_second_after_the_halt_nothing_starts_in_any_process_until_it_is_over(
    place: Installation, by: str
) -> None:
    storm(place)
    daemons = [place.start("up", "--concurrency", "4") for _ in range(2)]
    until(lambda: place.database.exists() and len(place.runs()) > JOBS, 30, "the storm")
    until(lambda: (place.home / "reports").exists(), 30, "a report")

    if by == "touch":
        Path(place.home / "HALT").touch()
    else:
        place.do("halt", "--reason", "too much of it")
    time.sleep(1)
    before = effects(place)
    time.sleep(2.5)
    assert effects(place) == before
    states = {run.state.value for run in place.runs(live=True)}
    assert "running" not in states, states
    assert all("halted: " in daemon.stderr for daemon in daemons)
    assert place.json("list")["halted"]["reason"] == (
        "no reason was given" if by == "touch" else "too much of it"
    )

    place.do("unhalt")
    until(lambda: effects(place)["requests"] > before["requests"] + 10, 30, "the storm to go on")
    for daemon in daemons:
        daemon.send(signal.SIGTERM)
        assert daemon.wait(40) == 0, daemon.stderr
    with closing(sqlite3.connect(place.database)) as connection:
        unknown = connection.execute("SELECT count(*) FROM calls WHERE state = 'unknown'").fetchone()
        doubled = connection.execute("SELECT count(*) FROM attempts WHERE ended_as = 'rescue'").fetchone()
    assert (unknown, doubled) == ((0,), (0,))
