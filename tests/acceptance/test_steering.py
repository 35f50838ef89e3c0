"""A person steers: pause, cancel, resume, a higher budget, and asks why."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.fake_messages_api import FakeMessagesAPI, answer, verify_pairing
from tests.kit.live import jobs, start, state_of, stop
from tests.kit.person import ask
from tests.kit.processes import Installation, until

pytestmark = pytest.mark.process


def test_unpausing_never_backfills(town: Installation) -> None:
    town.crontab('MODEL = rehearsal:quick.jsonl\n@every 1s  beat  "Beat"  catchup=all\n')
    daemon = start(town)
    until(lambda: jobs(town)["beat"]["last_run"], 10, lambda: daemon.stderr)
    ask(town, "pause", "beat").is_fine("is paused", "agentcron unpause beat")
    paused = datetime.now(UTC)
    assert jobs(town)["beat"]["state"] == "paused"
    ask(town, "pause", "beat").is_fine("is already paused")
    time.sleep(2.5)
    unpaused = datetime.now(UTC)
    ask(town, "unpause", "beat").is_fine("fires again", "agentcron next beat")
    until(
        lambda: datetime.fromisoformat(jobs(town)["beat"]["last_run"]["ended_at"]) > unpaused,
        10,
        lambda: daemon.stderr,
    )
    stop(daemon)
    for run in town.json("list", "--all")["runs"]:
        fired = datetime.fromisoformat(run["fire_time"])
        assert not paused + timedelta(seconds=1) < fired < unpaused or run["state"] == "skipped", run


def test_a_job_that_is_switched_off_is_not_unpaused(town: Installation) -> None:
    town.crontab('0 9 * * *  off  "x"  enabled=no\n')
    ask(town, "unpause", "off").is_error(4, "disabled in the crontab", "agentcron edit")


def test_cancel_queued_and_sleeping(town: Installation) -> None:
    queued = town.json("run", "brief")["run"]
    asleep = town.json("run", "nap", "--wait")["run"]
    for run in (queued, asleep):
        ask(town, "cancel", run).is_fine("was cancelled", f"agentcron resume {run}")
        assert state_of(town, run) == "cancelled"
        ask(town, "cancel", run).is_error(4, "help: ")


def test_cancel_a_running_one(town: Installation, claude: FakeMessagesAPI) -> None:
    claude.script("Work", answer("Late.", delay_seconds=30))
    town.crontab('@manual  work  "Work"\n')
    daemon = start(town)
    run = town.json("run", "work")["run"]
    until(lambda: claude.requests, 10, lambda: daemon.stderr)
    ask(town, "cancel", run).is_fine("was asked to stop")
    until(lambda: state_of(town, run) == "cancelled", 10, lambda: daemon.stderr)
    stop(daemon)


def test_the_agent_hears_what_the_person_says(town: Installation, claude: FakeMessagesAPI) -> None:
    claude.script(
        "Work",
        answer("Now I wait.", calls=[("sleep", {"until": "1h", "reason": "letters"})]),
        answer("I read them."),
    )
    town.crontab('@manual  work  "Work"\n')
    run = town.json("run", "work", "--wait")["run"]
    said = ask(town, "resume", run, "--message", "The letters are here.").is_fine("was sleeping", "queued")
    assert "no daemon is running" in said.err
    ask(town, "resume", run).is_error(4, "help: ")
    ask(town, "tick").is_fine("next due: nothing")
    assert state_of(town, run) == "succeeded"
    told = str(claude.requests[-1].messages[-1])
    assert "The letters are here." in told
    assert "person" in told
    verify_pairing(claude.requests)


def test_a_run_that_stopped_at_its_budget_continues_with_a_higher_one(
    town: Installation, claude: FakeMessagesAPI
) -> None:
    claude.script("Work", answer("Much.", calls=[("note", {"text": "x"})]), answer("All of it."))
    town.crontab('@manual  work  "Work"  budget=0.001/run\n')
    said = ask(town, "run", "work", "--wait").is_clean()
    assert said.status == 1
    assert "is parked" in said.out
    run = town.json("list")["runs"][0]["id"]
    refused = ask(town, "resume", run).is_error(4, "is parked", f"agentcron resume {run} --budget ")
    ask(town, "resume", run, "--budget", "0.001").is_error(4, "--budget")
    told = re.search(r"agentcron (resume .*)$", refused.err, re.MULTILINE)
    assert told is not None
    ask(town, *told[1].split()).is_fine("was parked")
    ask(town, "tick").is_fine()
    assert state_of(town, run) == "succeeded"


def test_why_before_during_and_after(town: Installation, claude: FakeMessagesAPI) -> None:
    claude.script("Work", answer("Done.", delay_seconds=1.5))
    due = datetime.now(UTC) + timedelta(seconds=3)
    town.crontab(f'@at {due:%Y-%m-%dT%H:%M:%SZ}  work  "Work"\n')
    ask(town, "why", "work").is_fine("work has not run yet")
    daemon = start(town)
    before = town.json("why", "work", f"{due:%Y-%m-%dT%H:%M:%SZ}")
    assert before["run"] is None
    until(lambda: claude.requests, 20, lambda: daemon.stderr)
    during = ask(town, "why", "work").is_fine("running")
    assert "work" in during.out.splitlines()[0]
    until(lambda: not town.json("list")["runs"], 20, lambda: daemon.stderr)
    after = town.json("why", "work")
    assert after["run"]["state"] == "succeeded"
    assert jobs(town)["work"]["state"] == "done"
    stop(daemon)
    ask(town, "why", "work", f"{due + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}").is_fine()
