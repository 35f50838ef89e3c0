"""Faults of processes: a job that kills its daemon, what a dead daemon leaves behind, two timers at once."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.core.run.run import State
from tests.fake_messages_api import FakeMessagesAPI, answer, verify_pairing
from tests.integration.test_crash_points import kill_at
from tests.kit.processes import Installation, Process, until
from tests.kit.scene import Scene

pytestmark = pytest.mark.process

POISON = '{"text": "I try.", "calls": [{"name": "poison", "input": {}}]}\n{"text": "Alive."}\n'
HEALTHY = '{"text": "I look.", "calls": [{"name": "glob", "input": {"pattern": "*"}}]}\n{"text": "Well."}\n'


def state_of(place: Installation, job: str) -> State | None:
    """The state of a job's newest run."""
    return next((run.state for run in place.runs(job)), None)


def is_over(place: Installation, *jobs: str) -> bool:
    """Whether the newest run of each job has succeeded."""
    return all(state_of(place, job) is State.SUCCEEDED for job in jobs)


def ready(daemon: Process) -> Process:
    until(lambda: "crontab loaded" in daemon.stderr, 30, lambda: f"the daemon\n{daemon.stderr}")
    return daemon


def stop(daemon: Process) -> None:
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr


def just_now() -> str:
    return f"{datetime.now(UTC) - timedelta(seconds=2):%Y-%m-%dT%H:%M:%SZ}"


def test_f58_a_job_that_kills_its_daemon_is_buried_and_harms_no_other(
    place: Installation, api: FakeMessagesAPI
) -> None:
    place.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
    # The neighbour needs longer for one request than the daemon lives beside the poison.
    api.script("Think.", answer("Thought.", delay_seconds=2.5))
    healthy = [f"healthy-{number}" for number in range(3)]
    place.crontab(
        "MODEL = rehearsal:healthy.jsonl\n"
        f'@at {just_now()}  poison  "Try."  tools=poison model=rehearsal:poison.jsonl\n'
        f'@at {just_now()}  neighbour  "Think."  model=claude-sonnet-5-5\n'
        + "".join(f'@at {just_now()}  {name}  "Look."\n' for name in healthy)
    )
    (place.home / "poison.jsonl").write_text(POISON)
    (place.home / "healthy.jsonl").write_text(HEALTHY)

    deaths, daemon = 0, place.start("up")
    while state_of(place, "poison") is not State.FAILED:
        if daemon.poll() is None:
            time.sleep(0.02)
            continue
        assert daemon.status == -signal.SIGKILL, daemon.stderr
        deaths += 1
        daemon = place.start("up")  # as a supervisor does
    assert deaths == 5
    until(lambda: is_over(place, *healthy, "neighbour"), 30, lambda: daemon.stderr)
    stop(daemon)

    (buried,) = place.runs("poison")
    assert (buried.reason_code, buried.reason) == ("crashed", "its runner died 5 times")
    assert "abandoned" in daemon.stderr
    for verb in (("show", buried.id), ("why", "poison"), ("list",)):
        assert "its runner died 5 times" in place.do(*verb).stdout, verb


def test_f21_what_a_dead_daemon_left_behind_holds_nobody_up(scene: Scene) -> None:
    place = scene.place
    kill_at(scene, "W8")
    (stale,) = (place.home / "runners").glob("*.lock")
    with closing(sqlite3.connect(place.database)) as database, database:
        # Its process id belongs to somebody who lives: to us.
        database.execute("UPDATE runners SET pid = ?", (os.getpid(),))
    said = place.do("doctor", status=1).stdout
    assert "running with a dead runner" in said
    assert "no daemon is running" in said

    began = time.monotonic()
    daemon = ready(place.start("up"))
    scene.wait_final(daemon)
    assert time.monotonic() - began < 15, "it waited for the lease to run out"
    scene.check()
    assert not stale.exists()
    assert len(list((place.home / "runners").iterdir())) == 1
    assert "up since" in place.do("doctor").stdout
    stop(daemon)


NAPS = 16


def naps(place: Installation, api: FakeMessagesAPI) -> datetime:
    """Let many runs fall asleep until one and the same instant; return it."""
    place.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
    wake_at = (datetime.now(UTC) + timedelta(seconds=6)).replace(microsecond=0)
    lines = []
    for number in range(NAPS):
        prompt = f"Nap {number:02}."
        lines.append(f'@at {just_now()}  nap-{number:02}  "{prompt}"\n')
        api.script(
            prompt,
            answer(calls=[("sleep", {"until": f"{wake_at:%Y-%m-%dT%H:%M:%SZ}"})]),
            answer(calls=[("finish", {"summary": "Rested."})]),
        )
    place.crontab("".join(lines))
    return wake_at


def asleep(place: Installation) -> list[str]:
    return [run.id for run in place.runs() if run.state is State.SLEEPING]


def check_naps(place: Installation, api: FakeMessagesAPI) -> None:
    """Assert that every run was woken once, and once only."""
    runs = place.runs()
    assert len(runs) == NAPS
    assert {run.state for run in runs} == {State.SUCCEEDED}
    assert {run.epoch for run in runs} == {2}, "one claim to fall asleep, one after the wake-up"
    with closing(sqlite3.connect(place.database)) as database:
        wakes = database.execute("SELECT state, count(*) FROM wakeups GROUP BY state").fetchall()
    assert sum(count for _, count in wakes) == NAPS
    assert {state for state, _ in wakes} <= {"won", "dropped"}
    assert len(api.requests) == 2 * NAPS
    verify_pairing(api.requests)


def test_f23_a_time_and_a_person_wake_a_run_once(place: Installation, api: FakeMessagesAPI) -> None:
    wake_at = naps(place, api)
    daemons = [ready(place.start("up")) for _ in range(2)]
    runs = until(
        lambda: found if len(found := asleep(place)) == NAPS else None, 30, lambda: daemons[0].stderr
    )
    assert runs is not None
    # Persons come in a row that begins before the instant and ends after it.
    half = timedelta(seconds=0.05 * NAPS / 2)
    until(lambda: datetime.now(UTC) >= wake_at - half, 30)
    asked = [place.start("resume", run) for run in runs]
    until(lambda: all(run.is_final for run in place.runs()), 30, lambda: daemons[0].stderr)
    answers = [process.wait() for process in asked]
    assert set(answers) <= {0, 4}, "done, or refused because it is awake already"
    for daemon in daemons:
        stop(daemon)
    check_naps(place, api)


def test_f23_timers_of_several_processes_wake_a_run_once(place: Installation, api: FakeMessagesAPI) -> None:
    wake_at = naps(place, api)
    place.do("tick")
    assert len(asleep(place)) == NAPS
    until(lambda: datetime.now(UTC) >= wake_at, 30)
    ticks = [place.start("tick") for _ in range(4)]
    assert [tick.wait() for tick in ticks] == [0] * 4, ticks[0].stderr
    check_naps(place, api)
