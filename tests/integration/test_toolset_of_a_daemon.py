"""A daemon that is killed in a call of a tool source: nothing is left, and the next one goes on."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import State
from tests.kit.processes import Installation, until

pytestmark = pytest.mark.process

CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("counter__add", {"number": 2}),
    ("counter__hang", {}),
    ("counter__add", {"number": 3}),
    ("finish", {"summary": "Counted.", "outcome": "done"}),
)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    pairs = [line.split() for line in found.stdout.splitlines()]
    return [int(child) for child, parent in pairs if parent == str(pid)]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_killed_daemon_leaves_no_session_and_the_call_is_not_repeated(place: Installation) -> None:
    lines = [json.dumps({"calls": [{"name": name, "input": given}]}) for name, given in CALLS]
    now = datetime.now(UTC)
    options = "tools=counter:*  model=rehearsal:count.jsonl"
    place.crontab(f'@at {now:%Y-%m-%dT%H:%M:%SZ}  count  "Count."  {options}\n')
    (place.home / "count.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    place.do("check")
    daemon = place.start("up")

    def state_of(name: str) -> CallState | None:
        runs = place.runs("count")
        if not runs:
            return None
        with SqliteDatabase(place.database).history() as reader:
            calls = reader.calls(runs[0].id)
        return next((call.state for call in calls if call.name == name), None)

    until(lambda: state_of("counter__hang") is CallState.STARTED, 30, "the call that hangs")
    [service] = until(lambda: children(daemon.pid), 10, "the service")
    daemon.kill()
    until(lambda: is_gone(service), 10, "the end of the service")
    place.start("up")
    [run] = until(lambda: [r for r in place.runs("count") if r.is_final], 60, "the end of the run")
    assert run.state is State.SUCCEEDED
    with SqliteDatabase(place.database).history() as reader:
        calls = [call for call in reader.calls(run.id) if call.name.startswith("counter__")]
    assert [(call.name, call.state) for call in calls] == [
        ("counter__add", CallState.DONE),
        ("counter__hang", CallState.UNKNOWN),
        ("counter__add", CallState.DONE),
    ]
    assert calls[-1].result == "3", "the total of a new session"
