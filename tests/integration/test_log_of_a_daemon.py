"""``--log-format json``: every line is an object, and the life of a run can be read from them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.engine.move_log import EVENTS
from tests.kit.processes import Installation

pytestmark = pytest.mark.process

SCRIPT = """\
{"calls": [{"name": "sleep", "input": {"until": "1h", "reason": "a nap"}}]}
{"text": "Rested."}
"""


def told(place: Installation) -> list[dict[str, Any]]:
    """Do one pass, and return what the log says about runs."""
    process = place.do("tick", "--log-format", "json")
    lines = [json.loads(line) for line in process.stderr.splitlines()]
    moves = {event for event, _ in EVENTS.values()}
    return [line for line in lines if line.get("event") in moves]


def test_the_life_of_a_run_as_objects(place: Installation) -> None:
    due = datetime.now(UTC) - timedelta(seconds=90)
    place.crontab(f'@at {due:%Y-%m-%dT%H:%M:%SZ}  nap  "Take a nap."  model=rehearsal:nap.jsonl\n')
    (place.home / "nap.jsonl").write_text(SCRIPT)
    fired, claimed, slept = told(place)
    assert [fired["event"], claimed["event"], slept["event"]] == [
        *("run.fired", "run.claimed", "run.suspended"),
    ]
    run = fired["run"]
    assert {line["run"] for line in (fired, claimed, slept)} == {run}
    assert {line["job"] for line in (fired, claimed, slept)} == {"nap"}
    assert 90 <= fired["late_seconds"] < 300
    assert claimed["runner"]
    assert slept.items() >= {"state": "sleeping", "reason": "a nap", "cost_usd": 0.0, "level": "info"}.items()
    wakes = datetime.fromisoformat(slept["wake_at"]) - datetime.fromisoformat(slept["time"])
    assert timedelta(minutes=59) < wakes < timedelta(minutes=61)

    assert told(place) == [], "a sleeper is no news"
    place.do("resume", run, "-m", "Get up.")
    claimed, finished = told(place)
    assert (claimed["reason"], claimed["reason_code"]) == ("resumed by a person", "person")
    assert (finished["event"], finished["state"]) == ("run.finished", "succeeded")
