"""A crontab is looked at, and its jobs are run by hand; what ``--json`` prints."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.fake_messages_api import FakeMessagesAPI, answer
from tests.kit.live import INSTANT, start, state_of, stop
from tests.kit.person import ask
from tests.kit.processes import Installation, until

pytestmark = pytest.mark.process


def test_check_says_what_it_may_cost(town: Installation) -> None:
    said = ask(town, "check").is_fine("5 jobs", "runs/day", "/day")
    assert "Next: agentcron next" in said.out
    assert town.json("check")["jobs"] == 5


def test_a_broken_file_gets_every_error_at_once_with_carets(town: Installation) -> None:
    town.crontab(
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
    said = ask(town, "check").is_clean()
    assert said.status == 1
    codes = re.findall(r"^crontab:(\d+):(\d+): error (E\d\d)", said.out, re.MULTILINE)
    assert {int(line) for line, _, _ in codes} >= {1, 2, 3, 4, 5, 6, 7, 8, 9}, said
    carets = re.findall(r"^ +\| ( *)\^+", said.out, re.MULTILINE)
    assert len(carets) == len(codes)
    for (_, col, _), blanks in zip(codes, carets, strict=True):
        assert len(blanks) == int(col) - 1
    assert "did you mean Europe/Berlin?" in said.out
    assert "did you mean model?" in said.out
    found = ask(town, "check", "--json").is_clean()
    assert found.status == 1


def test_next_is_one_line_of_time(town: Installation) -> None:
    said = ask(town, "next", "-n", "5").is_fine("watch")
    assert all(len(line) <= 80 for line in said.out.splitlines())
    found = town.json("next", "-n", "40", "--after", "2031-11-30T09:00Z")
    assert set(found) == {"zone", "next", "notes", "paused"}
    instants = [entry["at"] for entry in found["next"]]
    assert instants == sorted(instants)
    assert all(INSTANT.match(instant) for instant in instants)
    assert all(set(entry) == {"at", "kind", "job", "run", "what"} for entry in found["next"])
    # On a grid of elapsed time: exactly a minute apart.
    grid = [datetime.fromisoformat(entry["at"]) for entry in found["next"] if entry["job"] == "watch"]
    assert {later - earlier for earlier, later in pairwise(grid)} == {timedelta(minutes=1)}
    only = town.json("next", "launch", "--after", "2031-11-30T09:00Z")["next"]
    assert [entry["at"] for entry in only] == ["2031-12-01T08:00:00Z"]


@pytest.mark.parametrize(
    ("expression", "meaning", "following"),
    [
        ("0 9 * * 1-5", "at 09:00 on Monday to Friday", "2030-01-01T08:00:00Z"),
        ("@at 2031-12-01T09:00", "once, at 09:00", "2031-12-01T08:00:00Z"),
        ("@daily", "at 00:00 every day", "2030-01-01T23:00:00Z"),
    ],
)
def test_explain(town: Installation, expression: str, meaning: str, following: str) -> None:
    argv = ("explain", expression, "--tz", "Europe/Berlin", "--after", "2030-01-01T00:00Z")
    ask(town, *argv).is_fine(meaning)
    found = town.json(*argv)
    assert set(found) == {"expression", "zone", "meaning", "next", "notes"}
    assert found["next"][0] == following
    assert len(town.json(*argv, "-n", "3")["next"]) == (1 if expression.startswith("@at") else 3)


def test_the_schemas_of_json(town: Installation) -> None:
    ended = town.json("run", "weekly", "--wait")
    about = {"run", "state", "job", "outcome", "summary", "reason", "wake_at", "cost_usd", "tokens"}
    assert set(ended) == about
    assert (ended["state"], ended["job"], ended["outcome"]) == ("succeeded", "weekly", "done")
    asleep = town.json("run", "nap", "--wait")
    assert asleep["state"] == "sleeping"
    assert INSTANT.match(asleep["wake_at"])
    queued = town.json("run", "brief")
    assert queued.items() >= {"state": "queued", "job": "brief", "daemon": False}.items()

    listed = town.json("list")
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

    shown = town.json("show", asleep["run"])
    assert set(shown) >= {"run", "messages", "calls", "attempts", "usage", "cost_usd"}
    assert shown["run"]["id"] == asleep["run"]
    for message in shown["messages"]:
        assert set(message) >= {"seq", "role", "content", "provenance"}
    assert [message["seq"] for message in shown["messages"]] == list(range(1, len(shown["messages"]) + 1))
    for call in shown["calls"]:
        assert set(call) >= {"id", "name", "effect", "state"}
    assert [call["name"] for call in shown["calls"]] == ["sleep"]

    why = town.json("why", "nap")
    assert set(why) >= {"job", "verdict", "sentence", "when", "run", "fields", "policy", "next_fire"}
    assert why["run"]["id"] == asleep["run"]


def test_prefixes_and_near_names(town: Installation) -> None:
    run = town.json("run", "weekly", "--wait")["run"]
    assert town.json("show", run[:4])["run"]["id"] == run
    wrong = run[:-1] + ("a" if run[-1] != "a" else "b")
    ask(town, "show", wrong).is_error(3, f"did you mean {run}?")
    others = [town.json("run", "nap")["run"] for _ in range(40)]
    shared = next((run[:1] for run in others if sum(o.startswith(run[:1]) for o in others) > 1), None)
    assert shared is not None
    ask(town, "cancel", shared).is_error(3, f'more than one run begins with "{shared}"', "which one: ")


def test_run_without_a_daemon_queues_and_says_that_nobody_is_running(town: Installation) -> None:
    said = ask(town, "run", "nap").is_fine("is queued", "agentcron show ")
    assert "no daemon is running" in said.err
    assert "agentcron up" in said.err
    [run] = town.json("list")["runs"]
    assert run["state"] == "queued"
    daemon = start(town)
    until(lambda: state_of(town, run["id"]) == "sleeping", 20, lambda: daemon.stderr)
    stop(daemon)


def test_run_wait_without_a_daemon_runs_it_and_shows_the_steps(town: Installation) -> None:
    said = ask(town, "run", "nap", "--wait").is_fine("agent:  I lie down.", 'call:   sleep(until="1h"')
    assert "is sleeping" in said.out
    assert said.out.splitlines()[-1] == "sooner: agentcron resume " + town.json("list")["runs"][0]["id"]
    ask(town, "run", "weekly", "--wait").is_fine("Done.", "succeeded")


def test_run_wait_with_a_daemon_follows(town: Installation, claude: FakeMessagesAPI) -> None:
    claude.script(
        "Work", answer("Step one.", calls=[("note", {"text": "x"})], delay_seconds=0.5), answer("Step two.")
    )
    town.crontab('@manual  work  "Work"\n')
    daemon = start(town)
    ask(town, "run", "work", "--wait").is_fine("agent:  Step one.", "call:   note(", "Step two.", "succeeded")
    assert "succeeded" in daemon.stderr
    stop(daemon)


def test_run_wait_ends_when_its_daemon_dies(town: Installation, claude: FakeMessagesAPI) -> None:
    claude.script("Work", answer("Late.", delay_seconds=30))
    town.crontab('@manual  work  "Work"\n')
    daemon = start(town)
    waiting = town.start("run", "work", "--wait")
    until(lambda: claude.requests, 20, lambda: daemon.stderr)
    daemon.kill()
    assert waiting.wait(15) == 1, waiting.stderr
    assert "Start: agentcron up" in waiting.stdout


def test_a_run_that_fails_is_1_and_says_how_to_continue(town: Installation) -> None:
    (town.home / "bad.jsonl").write_text(
        '{"calls": [{"name": "finish", "input": {"summary": "No letters came.", "outcome": "failed"}}]}\n'
    )
    town.crontab('@manual  work  "Work"  model=rehearsal:bad.jsonl\n')
    said = ask(town, "run", "work", "--wait").is_clean()
    assert said.status == 1, said
    assert "failed" in said.out
    assert "No letters came." in said.out
    assert "agentcron resume " in said.out.splitlines()[-1]
