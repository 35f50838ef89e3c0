"""The verb ``next``: fires and wake-ups on one line of time."""

from __future__ import annotations

import json
from pathlib import Path

from scheduler.testing.clock import FakeClock
from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build, Call


def test_fires_and_wakeups_stand_on_one_line(call: Call, build: Build) -> None:
    build(scenes.busy)
    answer = call("next", "--after", "2026-11-21 08:20", "-n", "5").fits()
    assert answer.out.splitlines() == [
        "WHEN (Europe/Berlin)          JOB",
        "Sat 21 Nov 08:30  in 23h 23m  gated   fires",
        "Sat 21 Nov 09:00  in 23h 53m  digest  fires",
        "Sat 21 Nov 09:00  in 23h 53m  gated   fires",
        "Sat 21 Nov 09:00  in 23h 53m  review  run run00003 wakes: waiting for the revie…",
        "Sat 21 Nov 09:30  in 1d       gated   fires",
        "paused: nightly",
    ]
    assert "no daemon is running" in answer.err


def test_json(call: Call, build: Build) -> None:
    build(scenes.busy)
    values = json.loads(call("next", "review", "--json").out)
    assert values["next"] == [
        {
            "at": "2026-11-21T08:00:00Z",
            "kind": "wake",
            "job": "review",
            "run": "run00003",
            "what": "run run00003 wakes: waiting for the reviewers",
        }
    ]


def test_it_works_without_a_database(call: Call, home: Path) -> None:
    (home / "crontab").write_text('@every 1m often "x" tz=UTC\n0 9 * * * daily "y" tz=UTC\n')
    answer = call("next", "-n", "4").fits()
    assert answer.status == 0
    values = json.loads(call("next", "often", "-n", "5", "--json").out)
    ats = [entry["at"] for entry in values["next"]]
    assert len(ats) == 5
    assert len({at[-3:] for at in ats}) == 1, "sixty seconds apart"


def test_a_clock_change_is_explained(call: Call, home: Path) -> None:
    (home / "crontab").write_text('30 2 * * * night "x" tz=Europe/Berlin\n')
    answer = call("next", "night", "--after", "2027-03-27 12:00", "-n", "2").fits()
    assert answer.out.splitlines() == [
        "WHEN (Europe/Berlin)          JOB",
        "2027-03-28 03:00  in 127d 17h  night  fires",
        "2027-03-29 02:30  in 128d 17h  night  fires",
        "note: night: on 2027-03-28 clocks in Europe/Berlin move forward past 02:30; the",
        "      job runs once at 03:00",
    ]


def test_what_is_overdue_comes_first(call: Call, build: Build, clock: FakeClock) -> None:
    build(scenes.busy)
    clock.advance(2 * 86400)
    lines = call("next", "digest", "-n", "2").fits().out.splitlines()
    assert lines[1].startswith("Sat 21 Nov 09:00  overdue     digest  will be skipped: the slot was missed")
    assert lines[2] == "Sun 22 Nov 09:00  overdue     digest  fires"
    assert (
        call("next", "digest", "-n", "3").out.splitlines()[3] == "Mon 23 Nov 09:00  in 23h 53m  digest  fires"
    )


def test_jobs_without_a_time_say_why(call: Call, build: Build, home: Path) -> None:
    build(scenes.load)
    assert call("next", "writer").out == "writer fires only on request: agentcron run writer\n"
    assert call("next", "nightly").out == "nightly is disabled in the crontab: agentcron edit\n"
    (home / "crontab").write_text('0 25 * * * bad "x"\n')
    answer = call("next", "bad")
    assert (answer.status, answer.out) == (4, "")
    assert "bad cannot run" in answer.err


def test_an_unknown_job_has_a_suggestion(call: Call, build: Build) -> None:
    build(scenes.load)
    answer = call("next", "digst")
    assert (answer.status, answer.out) == (3, "")
    assert answer.err.splitlines() == [
        'error: no job named "digst"',
        "  help: did you mean digest? `agentcron list` shows all 5",
    ]
