"""Daemons as processes: ended, stopped, killed, and side by side on one database."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.run import FINAL, State
from tests.fake_messages_api import FakeMessagesAPI, answer, verify_pairing
from tests.kit.processes import Installation, Process, until
from tests.kit.scene import Scene

pytestmark = pytest.mark.process

FINISH = answer(calls=[("finish", {"summary": "Over.", "outcome": "done"})])


def ready(daemon: Process) -> None:
    """Wait until a daemon has loaded its crontab."""
    until(lambda: "crontab loaded" in daemon.stderr, 30, lambda: f"the daemon\n{daemon.stderr}")


def stop(daemon: Process, seconds: float) -> float:
    """Send SIGTERM, expect exit 0, return how long it took."""
    began = time.monotonic()
    daemon.send(signal.SIGTERM)
    assert daemon.wait(seconds) == 0, daemon.stderr
    return time.monotonic() - began


def test_f17_sigterm_in_a_model_call_hands_the_run_back(scene: Scene) -> None:
    scene.write(prompt="Answer slowly.")
    scene.api.script("Answer slowly.", answer("Late.", delay_seconds=6), FINISH)
    first = scene.place.start("up", "--grace", "2")
    until(lambda: scene.api.requests, 30, "the request")
    assert stop(first, 10) < 4
    run = scene.run()
    assert run is not None
    assert (run.state, run.unknown_cost_requests) == (State.QUEUED, 1)
    second = scene.place.start("up")
    ended = scene.wait_final(second)
    assert (ended.summary, ended.attempts) == ("Late.", 1)


def test_f17_a_step_that_ends_within_the_grace_time_is_kept(scene: Scene) -> None:
    scene.write(prompt="Answer soon.")
    scene.api.script(
        "Answer soon.", answer("Soon.", calls=[("note", {"text": "x"})], delay_seconds=1.5), FINISH
    )
    first = scene.place.start("up", "--grace", "20")
    until(lambda: scene.api.requests, 30, "the request")
    stop(first, 20)
    run = scene.run()
    assert run is not None
    assert run.state is State.QUEUED
    assert run.unknown_cost_requests == 0
    second = scene.place.start("up")
    assert scene.wait_final(second).summary == "Over."
    assert len(scene.api.requests) == 2
    verify_pairing(scene.api.requests)


def test_f17_sigterm_in_a_tool_leaves_its_outcome_unknown_and_does_not_repeat_it(scene: Scene) -> None:
    scene.write(prompt="Hang once.")
    scene.api.script("Hang once.", answer(calls=[("hang", {"text": "once"})]), FINISH)
    first = scene.place.start("up", "--grace", "2")
    until(lambda: scene.stamps()["once"], 30, "the tool")
    assert stop(first, 10) < 4
    second = scene.place.start("up")
    scene.wait_final(second)
    assert scene.stamps() == {"once": 1}
    told = scene.api.requests[-1].messages[-1]["content"][0]
    assert told["is_error"]
    assert "unknown" in told["content"]


def test_f18_a_child_of_a_killed_daemon_dies_with_it(place: Installation) -> None:
    pidfile = place.home / "gate.pid"
    place.crontab(
        f'@at {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}  gated  "x"  model=rehearsal:none.jsonl'
        f"  gate=\"sh -c 'echo $$ > {pidfile}; sleep 300 & sleep 300'\"\n"
    )
    daemon = place.start("up")
    pid = until(lambda: pidfile.exists() and pidfile.read_text().strip(), 30, "the gate")
    daemon.kill()

    def gone() -> bool:
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return True
        # A zombie that nobody reaps yet is as dead as it gets.
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"

    until(gone, 5, "the death of the gate's process")


def test_f19_a_daemon_that_was_stopped_past_its_lease_writes_nothing_more(scene: Scene) -> None:
    scene.write(prompt="Stamp late.")
    scene.api.script("Stamp late.", answer(calls=[("stamp", {"text": "once"})], delay_seconds=1.0), FINISH)
    first = scene.place.start("up", "--lease", "2")
    until(lambda: scene.api.requests, 30, "the request")
    first.send(signal.SIGSTOP)
    second = scene.place.start("up", "--lease", "2")
    try:
        run = scene.wait_final(second)
    finally:
        first.send(signal.SIGCONT)
    assert run.summary == "Over."
    until(lambda: "lease is lost" in first.stderr, 20, lambda: f"the first daemon to notice\n{first.stderr}")
    assert scene.stamps() == {"once": 1}
    with SqliteDatabase(scene.place.database).history() as reader:
        after = reader.run(run.id)
    assert after == run
    stop(first, 20)
    stop(second, 20)


def test_f20_four_daemons_run_nothing_twice(place: Installation, api: FakeMessagesAPI) -> None:
    jobs, due = 24, datetime.now(UTC) + timedelta(seconds=3)
    place.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
    lines = []
    for number in range(jobs):
        lines.append(f'@at {due:%Y-%m-%dT%H:%M:%SZ}  job-{number:02}  "Job {number:02} here."  tools=stamp\n')
        api.script(
            f"Job {number:02} here.",
            answer(calls=[("stamp", {"text": f"s{number}"})]),
            answer(calls=[("sleep", {"until": "1s", "reason": "rest"})]),
            FINISH,
        )
    place.crontab("".join(lines))
    daemons = [place.start("up") for _ in range(4)]
    for daemon in daemons:
        ready(daemon)

    def all_over() -> bool:
        with SqliteDatabase(place.database).history() as reader:
            runs = reader.runs(limit=1000)
        return len(runs) >= jobs and all(run.state in FINAL for run in runs)

    until(all_over, 90, lambda: "all runs\n" + "\n".join(d.stderr[-300:] for d in daemons))
    for daemon in daemons:
        stop(daemon, 30)
    with SqliteDatabase(place.database).history() as reader:
        runs = reader.runs(limit=1000)
        workers = {attempt.runner for run in runs for attempt in reader.attempts(run.id)}
    assert sorted(run.job for run in runs) == [f"job-{number:02}" for number in range(jobs)]
    assert {run.state for run in runs} == {State.SUCCEEDED}
    for number in range(jobs):
        stamps = (place.home / "work" / f"job-{number:02}" / "stamps").read_text().splitlines()
        assert len(stamps) == 1
    assert len(api.requests) == 3 * jobs
    verify_pairing(api.requests)
    assert len(workers) > 1, "one daemon did everything: the test proves nothing"
