"""A crontab's life at the terminal: looked at, loaded, changed under a running daemon, broken, mended."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.fake_messages_api import FakeMessagesAPI, answer, verify_pairing
from tests.kit.person import ask
from tests.kit.processes import Installation, Process, Zygote, until

pytestmark = pytest.mark.process

CRONTAB = """\
CRON_TZ = Europe/Berlin
MODEL = rehearsal:quick.jsonl
@every 1m    watch   "Look."
0 9 * * 1-5  brief   "Brief me."   tz=America/New_York
@at 2031-12-01T09:00  launch  "Post the note."
30 17 * * FRI  weekly  budget=2.00/run
    Review the week.

    # Keep it short: quotes " and % and # are text.
@manual      nap     "Nap."        model=rehearsal:nap.jsonl
"""
QUICK = '{"text": "Done."}\n'
NAP = """\
{"text": "I lie down.", "calls": [{"name": "sleep", "input": {"until": "1h", "reason": "a nap"}}]}
{"text": "", "calls": [{"name": "finish", "input": {"summary": "Rested.", "outcome": "done"}}]}
"""
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")
RELOAD_SECONDS = 2.0


@pytest.fixture
def place(zygote: Zygote, tmp_path: Path) -> Iterator[Installation]:
    made = Installation(zygote, tmp_path / "home")
    made.crontab(CRONTAB)
    (made.home / "quick.jsonl").write_text(QUICK)
    (made.home / "nap.jsonl").write_text(NAP)
    yield made
    made.close()


@pytest.fixture
def claude(place: Installation, api: FakeMessagesAPI) -> FakeMessagesAPI:
    """The loopback API; the jobs of the crontab use it."""
    place.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": api.url}
    return api


def start(place: Installation) -> Process:
    daemon = place.start("up")
    until(lambda: "crontab loaded" in daemon.stderr, 20, lambda: daemon.stderr)
    return daemon


def stop(daemon: Process) -> None:
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr


def soon(look: Callable[[], Any], daemon: Process) -> None:
    """Wait as long as a reload may take, and a little for a busy machine."""
    until(look, RELOAD_SECONDS + 2, lambda: daemon.stderr)


def jobs(place: Installation) -> dict[str, dict[str, Any]]:
    return {job["name"]: job for job in place.json("list")["jobs"]}


def state_of(place: Installation, run: str) -> str:
    return str(place.json("show", run)["run"]["state"])


# -- looking --------------------------------------------------------------------------------------
def test_check_says_what_it_may_cost(place: Installation) -> None:
    said = ask(place, "check").is_fine("5 jobs", "runs/day", "/day")
    assert "Next: agentcron next" in said.out
    assert place.json("check")["jobs"] == 5


def test_a_broken_file_gets_every_error_at_once_with_carets(place: Installation) -> None:
    place.crontab(
        "CRON_TZ = Europe/Berln\n"
        '61 9 * * *  one  "x"\n'
        '0 9 * *  two  "x"\n'
        '0 9 31 2 *  three  "x"\n'
        '0 9 * * *  four  "x\n'
        '0 9 * * *  five  "x"  modle=a\n'
        "0 9 * * *  six\n"
        '0 9 * * *  six  "x"\n'
        "@dayly  seven  @missing.md\n"
        '@manual  good  "x"\n'
    )
    said = ask(place, "check").is_clean()
    assert said.status == 1
    codes = re.findall(r"^crontab:(\d+):(\d+): error (E\d\d)", said.out, re.MULTILINE)
    assert {int(line) for line, _, _ in codes} >= {1, 2, 3, 4, 5, 6, 7, 8, 9}, said
    carets = re.findall(r"^ +\| ( *)\^+", said.out, re.MULTILINE)
    assert len(carets) == len(codes)
    for (_, col, _), blanks in zip(codes, carets, strict=True):
        assert len(blanks) == int(col) - 1
    assert "did you mean Europe/Berlin?" in said.out
    assert "did you mean model?" in said.out
    found = ask(place, "check", "--json").is_clean()
    assert found.status == 1


def test_next_is_one_line_of_time(place: Installation) -> None:
    said = ask(place, "next", "-n", "5").is_fine("watch")
    assert all(len(line) <= 80 for line in said.out.splitlines())
    found = place.json("next", "-n", "40", "--after", "2031-11-30T09:00Z")
    assert set(found) == {"zone", "next", "notes", "paused"}
    instants = [entry["at"] for entry in found["next"]]
    assert instants == sorted(instants)
    assert all(INSTANT.match(instant) for instant in instants)
    assert all(set(entry) == {"at", "kind", "job", "run", "what"} for entry in found["next"])
    # On a grid of elapsed time: exactly a minute apart.
    grid = [datetime.fromisoformat(entry["at"]) for entry in found["next"] if entry["job"] == "watch"]
    assert {later - earlier for earlier, later in pairwise(grid)} == {timedelta(minutes=1)}
    only = place.json("next", "launch", "--after", "2031-11-30T09:00Z")["next"]
    assert [entry["at"] for entry in only] == ["2031-12-01T08:00:00Z"]


@pytest.mark.parametrize(
    ("expression", "meaning", "following"),
    [
        ("0 9 * * 1-5", "at 09:00 on Monday to Friday", "2030-01-01T08:00:00Z"),
        ("@at 2031-12-01T09:00", "once, at 09:00", "2031-12-01T08:00:00Z"),
        ("@daily", "at 00:00 every day", "2030-01-01T23:00:00Z"),
    ],
)
def test_explain(place: Installation, expression: str, meaning: str, following: str) -> None:
    argv = ("explain", expression, "--tz", "Europe/Berlin", "--after", "2030-01-01T00:00Z")
    ask(place, *argv).is_fine(meaning)
    found = place.json(*argv)
    assert set(found) == {"expression", "zone", "meaning", "next", "notes"}
    assert found["next"][0] == following
    assert len(place.json(*argv, "-n", "3")["next"]) == (1 if expression.startswith("@at") else 3)


# -- schemas --------------------------------------------------------------------------------------
def test_the_schemas_of_json(place: Installation) -> None:
    ended = place.json("run", "weekly", "--wait")
    assert set(ended) == {"run", "state", "job", "outcome", "summary", "reason", "wake_at", "cost_usd"}
    assert (ended["state"], ended["job"], ended["outcome"]) == ("succeeded", "weekly", "done")
    asleep = place.json("run", "nap", "--wait")
    assert asleep["state"] == "sleeping"
    assert INSTANT.match(asleep["wake_at"])
    queued = place.json("run", "brief")
    assert queued.items() >= {"state": "queued", "job": "brief", "daemon": False}.items()

    listed = place.json("list")
    assert set(listed) >= {"jobs", "runs"}
    for job in listed["jobs"]:
        assert set(job) >= {"name", "schedule", "zone", "state", "next_fire", "last_run"}
        assert job["state"] in ("active", "paused", "invalid", "done")
        assert job["next_fire"] is None or INSTANT.match(job["next_fire"])
    by_name = {job["name"]: job for job in listed["jobs"]}
    assert set(by_name["weekly"]["last_run"]) == {"id", "state", "ended_at"}
    assert by_name["weekly"]["last_run"]["id"] == ended["run"]
    assert by_name["brief"]["zone"] == "America/New_York"
    assert by_name["nap"]["next_fire"] is None
    runs = {run["id"]: run for run in listed["runs"]}
    assert set(runs) == {asleep["run"], queued["run"]}
    for run in runs.values():
        assert set(run) >= {"id", "job", "state", "fire_time", "wake_at", "waiting_for", "reason"}
        assert INSTANT.match(run["fire_time"])
    assert runs[asleep["run"]]["waiting_for"] == "a nap"

    shown = place.json("show", asleep["run"])
    assert set(shown) >= {"run", "messages", "calls", "attempts", "usage", "cost_usd"}
    assert shown["run"]["id"] == asleep["run"]
    for message in shown["messages"]:
        assert set(message) >= {"seq", "role", "content", "provenance"}
    assert [message["seq"] for message in shown["messages"]] == list(range(1, len(shown["messages"]) + 1))
    for call in shown["calls"]:
        assert set(call) >= {"id", "name", "effect", "state"}
    assert [call["name"] for call in shown["calls"]] == ["sleep"]

    why = place.json("why", "nap")
    assert set(why) >= {"job", "verdict", "sentence", "when", "run", "fields", "policy", "next_fire"}
    assert why["run"]["id"] == asleep["run"]


def test_prefixes_and_near_names(place: Installation) -> None:
    run = place.json("run", "weekly", "--wait")["run"]
    assert place.json("show", run[:4])["run"]["id"] == run
    wrong = run[:-1] + ("a" if run[-1] != "a" else "b")
    ask(place, "show", wrong).is_error(3, f"did you mean {run}?")
    others = [place.json("run", "nap")["run"] for _ in range(40)]
    shared = next((run[:1] for run in others if sum(o.startswith(run[:1]) for o in others) > 1), None)
    assert shared is not None
    ask(place, "cancel", shared).is_error(3, f'more than one run begins with "{shared}"', "which one: ")


# -- running --------------------------------------------------------------------------------------
def test_run_without_a_daemon_queues_and_says_that_nobody_is_running(place: Installation) -> None:
    said = ask(place, "run", "nap").is_fine("is queued", "agentcron show ")
    assert "nobody is running" in said.err
    assert "agentcron up" in said.err
    [run] = place.json("list")["runs"]
    assert run["state"] == "queued"
    daemon = start(place)
    until(lambda: state_of(place, run["id"]) == "sleeping", 20, lambda: daemon.stderr)
    stop(daemon)


def test_run_wait_without_a_daemon_runs_it_and_shows_the_steps(place: Installation) -> None:
    said = ask(place, "run", "nap", "--wait").is_fine("agent:  I lie down.", 'call:   sleep(until="1h"')
    assert "is sleeping" in said.out
    assert said.out.splitlines()[-1] == "sooner: agentcron resume " + place.json("list")["runs"][0]["id"]
    ask(place, "run", "weekly", "--wait").is_fine("Done.", "is succeeded")


def test_run_wait_with_a_daemon_follows(place: Installation, claude: FakeMessagesAPI) -> None:
    claude.script(
        "Work", answer("Step one.", calls=[("note", {"text": "x"})], delay_seconds=0.5), answer("Step two.")
    )
    place.crontab('@manual  work  "Work"\n')
    daemon = start(place)
    ask(place, "run", "work", "--wait").is_fine(
        "agent:  Step one.", "call:   note(", "Step two.", "is succeeded"
    )
    assert "is succeeded" in daemon.stderr
    stop(daemon)


def test_run_wait_ends_when_its_daemon_dies(place: Installation, claude: FakeMessagesAPI) -> None:
    claude.script("Work", answer("Late.", delay_seconds=30))
    place.crontab('@manual  work  "Work"\n')
    daemon = start(place)
    waiting = place.start("run", "work", "--wait")
    until(lambda: claude.requests, 20, lambda: daemon.stderr)
    daemon.kill()
    assert waiting.wait(15) == 1, waiting.stderr
    assert "Start: agentcron up" in waiting.stdout


def test_a_run_that_fails_is_1_and_says_how_to_go_on(place: Installation) -> None:
    (place.home / "bad.jsonl").write_text(
        '{"calls": [{"name": "finish", "input": {"summary": "No letters came.", "outcome": "failed"}}]}\n'
    )
    place.crontab('@manual  work  "Work"  model=rehearsal:bad.jsonl\n')
    said = ask(place, "run", "work", "--wait").is_clean()
    assert said.status == 1, said
    assert "is failed" in said.out
    assert "No letters came." in said.out
    assert "agentcron resume " in said.out.splitlines()[-1]


# -- a live crontab -------------------------------------------------------------------------------
def test_a_changed_crontab_is_noticed_within_two_seconds(
    place: Installation, claude: FakeMessagesAPI
) -> None:
    claude.script("Slow", answer("Late.", delay_seconds=4))
    claude.script("Second", answer("Two."))
    place.crontab('@manual  slow  "Slow"\n@manual  other  "Other"\n')
    daemon = start(place)
    # Add.
    place.crontab('@manual  slow  "Slow"\n@manual  other  "Other"\n@manual  more  "More"\n')
    soon(lambda: "added: more" in daemon.stderr, daemon)
    # Change: a run that is fired afterwards gets the new text.
    place.crontab('@manual  slow  "Slow"\n@manual  other  "Second"\n@manual  more  "More"\n')
    soon(lambda: "changed: other" in daemon.stderr, daemon)
    ask(place, "run", "other", "--wait").is_fine("Two.")
    # Remove, with a live run: it goes on to its end, and the daemon says so.
    run = place.json("run", "slow")["run"]
    until(lambda: state_of(place, run) == "running", 10, lambda: daemon.stderr)
    place.crontab('@manual  other  "Second"\n@manual  fresh  "More"\n')
    soon(lambda: "removed: more, slow" in daemon.stderr, daemon)
    assert f"job slow is removed; its live runs go on to their end: {run}" in daemon.stderr
    # A renamed one is a new one.
    assert "added: fresh" in daemon.stderr
    until(lambda: state_of(place, run) == "succeeded", 15, lambda: daemon.stderr)
    assert set(jobs(place)) == {"fresh", "other"}
    stop(daemon)


def test_a_prompt_file_is_part_of_the_crontab(place: Installation, claude: FakeMessagesAPI) -> None:
    (place.home / "p.md").write_text("First text\n")
    place.crontab("@manual  filed  @p.md\n")
    daemon = start(place)
    (place.home / "p.md").write_text("Second text\n")
    soon(lambda: "changed: filed" in daemon.stderr, daemon)
    ask(place, "run", "filed", "--wait")
    assert "Second text" in str(claude.requests[-1].messages[0])
    (place.home / "p.md").unlink()
    soon(lambda: "E12" in daemon.stderr, daemon)
    assert jobs(place)["filed"]["state"] == "invalid"
    (place.home / "p.md").write_text("Back again\n")
    soon(lambda: daemon.stderr.count("crontab loaded: 1 job\n") == 3, daemon)
    assert jobs(place)["filed"]["state"] == "active"
    stop(daemon)


def test_a_broken_line_stops_no_other_job(place: Installation) -> None:
    good = 'MODEL = rehearsal:quick.jsonl\n@every 1s  beat  "Beat"\n'
    place.crontab(good + '@every 1s  other  "Other"\n')
    daemon = start(place)
    place.crontab(good + '@every 1x  other  "Other"\n')
    soon(lambda: "crontab:3:8: error E11" in daemon.stderr or "crontab:3:" in daemon.stderr, daemon)
    assert "^" in daemon.stderr
    listed = ask(place, "list").is_fine("needs attention", "other: invalid: E")
    assert "beat" in listed.out
    until(lambda: jobs(place)["beat"]["last_run"], 10, lambda: daemon.stderr)
    before = jobs(place)["beat"]["last_run"]["id"]
    until(lambda: jobs(place)["beat"]["last_run"]["id"] != before, 5, lambda: daemon.stderr)
    ask(place, "run", "other").is_error(4, "other cannot run: E", "agentcron edit")
    # Mended, it goes on.
    place.crontab(good + '@every 1s  other  "Other"\n')
    soon(lambda: daemon.stderr.count("crontab loaded: 2 jobs") == 2, daemon)
    assert jobs(place)["other"]["state"] == "active"
    stop(daemon)


def test_a_crontab_that_vanishes_leaves_the_last_good_one(place: Installation) -> None:
    daemon = start(place)
    (place.home / "crontab").unlink()
    soon(lambda: "the crontab was not loaded" in daemon.stderr, daemon)
    said = ask(place, "list").is_fine("weekly")
    assert "there is no crontab at" in said.err
    assert said.err.count("\n") == 1
    (place.home / "crontab").write_bytes(b"\xff\xfe")
    soon(lambda: "not UTF-8" in daemon.stderr, daemon)
    ask(place, "list").is_fine("weekly")
    place.crontab(CRONTAB)
    soon(lambda: daemon.stderr.count("crontab loaded: 5 jobs") == 2, daemon)
    stop(daemon)


def test_sighup_reloads(place: Installation) -> None:
    daemon = start(place)
    daemon.send(signal.SIGHUP)
    soon(lambda: daemon.stderr.count("crontab loaded: 5 jobs") == 2, daemon)
    stop(daemon)


def test_a_file_that_is_emptied_before_it_is_written_removes_no_job(place: Installation) -> None:
    # As nano, `>` and cp do it; a daemon that looked in between once forgot the pauses of all jobs.
    daemon = start(place)
    ask(place, "pause", "brief").is_fine()
    path = place.home / "crontab"
    for number in range(5):
        with path.open("w") as file:
            time.sleep(0.13)
            file.write(f"{CRONTAB}# {number}\n")
        time.sleep(0.6)
    place.crontab(CRONTAB + '@manual  last  "x"\n')
    soon(lambda: "added: last" in daemon.stderr, daemon)
    assert "removed" not in daemon.stderr
    assert jobs(place)["brief"]["state"] == "paused"
    # Nor does a verb that loads the crontab itself.
    path.write_text("")
    asked = place.start("pause", "watch")
    time.sleep(0.1)
    path.write_text(CRONTAB)
    assert asked.wait() == 0, asked.stderr
    stop(daemon)


# -- steering -------------------------------------------------------------------------------------
def test_unpausing_never_backfills(place: Installation) -> None:
    place.crontab('MODEL = rehearsal:quick.jsonl\n@every 1s  beat  "Beat"  catchup=all\n')
    daemon = start(place)
    until(lambda: jobs(place)["beat"]["last_run"], 10, lambda: daemon.stderr)
    ask(place, "pause", "beat").is_fine("is paused", "agentcron unpause beat")
    paused = datetime.now(UTC)
    assert jobs(place)["beat"]["state"] == "paused"
    ask(place, "pause", "beat").is_fine("was paused already")
    time.sleep(2.5)
    unpaused = datetime.now(UTC)
    ask(place, "unpause", "beat").is_fine("fires again", "agentcron next beat")
    until(
        lambda: datetime.fromisoformat(jobs(place)["beat"]["last_run"]["ended_at"]) > unpaused,
        10,
        lambda: daemon.stderr,
    )
    stop(daemon)
    for run in place.json("list", "--all")["runs"]:
        fired = datetime.fromisoformat(run["fire_time"])
        assert not paused + timedelta(seconds=1) < fired < unpaused or run["state"] == "skipped", run


def test_cancel_queued_and_sleeping(place: Installation) -> None:
    queued = place.json("run", "brief")["run"]
    asleep = place.json("run", "nap", "--wait")["run"]
    for run in (queued, asleep):
        ask(place, "cancel", run).is_fine("is cancelled", f"agentcron resume {run}")
        assert state_of(place, run) == "cancelled"
        ask(place, "cancel", run).is_error(4, "help: ")


def test_cancel_a_running_one(place: Installation, claude: FakeMessagesAPI) -> None:
    claude.script("Work", answer("Late.", delay_seconds=30))
    place.crontab('@manual  work  "Work"\n')
    daemon = start(place)
    run = place.json("run", "work")["run"]
    until(lambda: claude.requests, 10, lambda: daemon.stderr)
    ask(place, "cancel", run).is_fine("is asked to stop")
    until(lambda: state_of(place, run) == "cancelled", 10, lambda: daemon.stderr)
    stop(daemon)


def test_the_agent_hears_what_the_person_says(place: Installation, claude: FakeMessagesAPI) -> None:
    claude.script(
        "Work",
        answer("Now I wait.", calls=[("sleep", {"until": "1h", "reason": "letters"})]),
        answer("I read them."),
    )
    place.crontab('@manual  work  "Work"\n')
    run = place.json("run", "work", "--wait")["run"]
    said = ask(place, "resume", run, "--message", "The letters are here.").is_fine("was sleeping", "queued")
    assert "nobody is running" in said.err
    ask(place, "resume", run).is_error(4, "help: ")
    ask(place, "tick").is_fine("next due: nothing")
    assert state_of(place, run) == "succeeded"
    told = str(claude.requests[-1].messages[-1])
    assert "The letters are here." in told
    assert "person" in told
    verify_pairing(claude.requests)


def test_a_run_that_stopped_at_its_budget_goes_on_with_a_higher_one(
    place: Installation, claude: FakeMessagesAPI
) -> None:
    claude.script("Work", answer("Much.", calls=[("note", {"text": "x"})]), answer("All of it."))
    place.crontab('@manual  work  "Work"  budget=0.001/run\n')
    said = ask(place, "run", "work", "--wait").is_clean()
    assert said.status == 1
    assert "is parked" in said.out
    run = place.json("list")["runs"][0]["id"]
    refused = ask(place, "resume", run).is_error(4, "is parked", f"agentcron resume {run} --budget ")
    ask(place, "resume", run, "--budget", "0.001").is_error(4, "--budget")
    told = re.search(r"agentcron (resume .*)$", refused.err, re.MULTILINE)
    assert told is not None
    ask(place, *told[1].split()).is_fine("was parked")
    ask(place, "tick").is_fine()
    assert state_of(place, run) == "succeeded"


def test_why_before_during_and_after(place: Installation, claude: FakeMessagesAPI) -> None:
    claude.script("Work", answer("Done.", delay_seconds=1.5))
    due = datetime.now(UTC) + timedelta(seconds=3)
    place.crontab(f'@at {due:%Y-%m-%dT%H:%M:%SZ}  work  "Work"\n')
    ask(place, "why", "work").is_fine("work has not run yet")
    daemon = start(place)
    before = place.json("why", "work", f"{due:%Y-%m-%dT%H:%M:%SZ}")
    assert before["run"] is None
    until(lambda: claude.requests, 20, lambda: daemon.stderr)
    during = ask(place, "why", "work").is_fine("running")
    assert "work" in during.out.splitlines()[0]
    until(lambda: not place.json("list")["runs"], 20, lambda: daemon.stderr)
    after = place.json("why", "work")
    assert after["run"]["state"] == "succeeded"
    assert jobs(place)["work"]["state"] == "done"
    stop(daemon)
    ask(place, "why", "work", f"{due + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}").is_fine()
