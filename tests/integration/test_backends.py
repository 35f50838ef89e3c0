"""A backend of a plug-in, through real processes: its run sleeps, asks, stops and is killed as ours are.

No file of ``scheduler/`` knows of it: the crontab names it, and an entry point provides it.
"""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.kit.person import ask
from tests.kit.processes import Installation, until

pytestmark = pytest.mark.process

GRANTED = """\
default = "tests"
[profile.tests]
base = "propose"
[[profile.tests.grant]]
tool = "post"
"""
DRAFT = {"call": "draft", "input": {"text": "hello"}}
POST = {"call": "post", "input": {"text": "hello"}}
SLEEP = {"call": "sleep", "input": {"until": "1s", "reason": "a rest"}}
FINISH = {"call": "finish", "input": {"summary": "All posted."}}


def write(place: Installation, *moves: dict[str, Any], options: str = "", trust: str = GRANTED) -> None:
    workdir = place.home / "work" / "clerk"
    workdir.mkdir(parents=True)
    (workdir / "script.json").write_text(json.dumps(moves))
    place.crontab(f'@manual  clerk  "Post it."  backend=scripted {options}\n')
    place.trust(trust)


def lines(place: Installation, name: str) -> list[str]:
    file = place.home / "work" / "clerk" / name
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def fire(place: Installation) -> dict[str, Any]:
    """Fire the job, let a process take its run on until it rests, and return the run."""
    said = json.loads(ask(place, "run", "clerk", "--wait", "--json").out)
    run: dict[str, Any] = place.json("show", said["run"])["run"]
    return run


def go_on(place: Installation, run: str, state: str) -> dict[str, Any]:
    """Let ticks take the run on until it is in a state; return what ``show`` says."""

    def look() -> dict[str, Any] | None:
        place.do("tick")
        shown: dict[str, Any] = place.json("show", run)
        return shown if shown["run"]["state"] == state else None

    found = until(look, 30, lambda: str(place.json("show", run)["run"]))
    assert found is not None
    return found


def test_check_knows_the_backend_and_says_which_are_not_there(place: Installation) -> None:
    write(place, FINISH)
    ask(place, "check").is_fine("No errors.")
    ask(place, "run", "clerk", "--wait").is_fine("All posted.")
    place.crontab('@manual  clerk  "Post it."  backend=scriptd\n')
    said = ask(place, "check")
    assert said.status == 1
    assert "E11 backend: no backend is called scriptd" in said.out
    assert "did you mean scripted?" in said.out


def test_check_knows_which_tools_of_the_backend_wait_for_a_person(place: Installation) -> None:
    write(place, FINISH, trust="")
    ask(place, "check").is_fine("W10 clerk would stop and wait for a person at: post")


def test_a_run_speaks_acts_sleeps_and_ends(place: Installation) -> None:
    write(place, {"say": "I draft first."}, DRAFT, SLEEP, POST, {**FINISH, "cost_usd": 0.02})
    run = fire(place)["id"]
    shown = go_on(place, run, "succeeded")
    assert (lines(place, "draft"), lines(place, "post")) == (["hello"], ["hello"])
    assert shown["run"]["summary"] == "All posted."
    assert shown["cost_usd"] == 0.02
    calls = [(call["name"], call["state"]) for call in shown["calls"]]
    assert calls == [("draft", "done"), ("sleep", "done"), ("post", "done"), ("finish", "done")]
    story = (
        ask(place, "show", run).is_fine("I draft first.", "draft: hello", "post: hello", "All posted.").out
    )
    assert "You are awake." in story
    ask(place, "why", "clerk").is_fine("was started by hand", "done, $0.02")
    kinds = [json.loads(line)["kind"] for line in ask(place, "log", "--json").out.splitlines()]
    assert kinds.count("planned") == kinds.count("started") == 2
    ask(place, "log", "--verify").is_fine()


@pytest.mark.parametrize(
    ("point", "posted", "state"),
    [
        ("W6", 1, "done"),  # planned, and not begun
        ("W8", 0, "unknown"),  # begun, and nothing done
        ("effect", 1, "unknown"),  # done, and nobody knows
        ("W10", 1, "unknown"),
        ("W12.inside", 1, "unknown"),
        ("W12", 1, "done"),
    ],
)
def test_a_call_that_a_kill_interrupts_is_never_made_twice(
    place: Installation, point: str, posted: int, state: str
) -> None:
    write(place, POST, FINISH)
    assert place.start("run", "clerk", "--wait", crash=point).wait() == -signal.SIGKILL
    [run] = place.runs()
    shown = go_on(place, run.id, "succeeded")
    assert lines(place, "post") == ["hello"] * posted
    assert shown["calls"][0]["state"] == state
    if state == "unknown":
        assert "outcome is unknown" in shown["calls"][0]["result"]
        ask(place, "show", run.id).is_fine("unknown: whether post (opaque) happened")


@pytest.mark.parametrize("is_lost", [False, True])
@pytest.mark.parametrize("point", ["W6.inside", "W6", "W8", "W12.inside", "W12", "W13.inside", "W13"])
def test_the_session_of_its_agent_survives_a_kill_and_the_loss_of_its_files(
    place: Installation, point: str, is_lost: bool
) -> None:
    moves: list[dict[str, Any]] = [{"say": "Hello."}, DRAFT, SLEEP, POST, FINISH]
    write(place, *moves)
    session = place.home / "work" / "clerk" / "session.jsonl"
    assert place.start("run", "clerk", "--wait", crash=point).wait() == -signal.SIGKILL
    assert session.exists()
    if is_lost:
        session.unlink()
    [run] = place.runs()
    go_on(place, run.id, "succeeded")
    # Each move once: a line that was written for a step that a kill has undone is taken back.
    assert [json.loads(line) for line in session.read_text().splitlines()] == moves
    with closing(sqlite3.connect(place.home / "agentcron.db")) as database:
        pieces = database.execute("SELECT data FROM sessions ORDER BY seq").fetchall()
        [digest] = database.execute("SELECT sha256 FROM sessions ORDER BY seq DESC LIMIT 1").fetchone()
    assert b"".join(data for (data,) in pieces) == session.read_bytes()
    assert digest == sha256(session.read_bytes()).hexdigest()


def test_a_backup_has_the_session_of_a_run_and_a_restore_brings_it_back(place: Installation) -> None:
    write(place, {"say": "Hello."}, SLEEP, FINISH)
    run = fire(place)["id"]
    session = place.home / "work" / "clerk" / "session.jsonl"
    before = session.read_bytes()
    place.do("backup", "copy.db")
    go_on(place, run, "succeeded")
    place.do("restore", "copy.db")
    place.do("tick")
    assert place.json("show", run)["run"]["state"] == "parked"
    session.unlink()
    place.do("resume", run)
    go_on(place, run, "succeeded")
    assert session.read_bytes().startswith(before)
    assert len(session.read_text().splitlines()) == 3


@pytest.mark.parametrize("point", ["W8", "effect", "W10"])
def test_a_keyed_call_is_made_again_with_its_key(place: Installation, point: str) -> None:
    write(place, DRAFT, FINISH)
    assert place.start("run", "clerk", "--wait", crash=point).wait() == -signal.SIGKILL
    [run] = place.runs()
    shown = go_on(place, run.id, "succeeded")
    assert lines(place, "draft") == ["hello"]
    assert shown["calls"][0]["state"] == "done"


@pytest.mark.parametrize("point", ["claim.inside", "W1", "W2", "W13.inside", "W13", "W14.inside", "W14"])
def test_a_run_continues_wherever_it_was_killed(place: Installation, point: str) -> None:
    nap = [SLEEP] if point.startswith("W13") else []
    write(place, DRAFT, *nap, POST, FINISH)
    assert place.start("run", "clerk", "--wait", crash=point).wait() == -signal.SIGKILL
    [run] = place.runs()
    go_on(place, run.id, "succeeded")
    assert (lines(place, "draft"), lines(place, "post")) == (["hello"], ["hello"])


def asked(place: Installation) -> tuple[str, str]:
    """Fire the job, and return the run, which no process holds, and the id of its question."""
    said = fire(place)
    assert (said["state"], said["reason_code"]) == ("parked", "approval")
    assert lines(place, "post") == []
    [question] = place.json("approvals")
    assert (question["tool"], question["args"]) == ("post", {"text": "hello"})
    return str(said["id"]), str(question["id"])


def test_an_approved_call_happens_once(place: Installation) -> None:
    write(place, POST, FINISH, trust="")
    run, question = asked(place)
    ask(place, "approve", question).is_fine("is approved")
    go_on(place, run, "succeeded")
    assert lines(place, "post") == ["hello"]
    ask(place, "approve", question).is_error(4)


def test_an_approved_call_that_a_kill_interrupts_is_not_made_again(place: Installation) -> None:
    write(place, POST, FINISH, trust="")
    run, question = asked(place)
    place.do("approve", question)
    assert place.start("tick", crash="effect").wait() == -signal.SIGKILL
    shown = go_on(place, run, "succeeded")
    assert (lines(place, "post"), shown["calls"][0]["state"]) == (["hello"], "unknown")


def test_a_denied_call_does_not_happen_and_its_agent_is_told(place: Installation) -> None:
    write(place, POST, FINISH, trust="")
    run, question = asked(place)
    ask(place, "deny", question, "--reason", "Not today.").is_fine()
    shown = go_on(place, run, "succeeded")
    assert lines(place, "post") == []
    assert "says: Not today." in shown["calls"][0]["result"]


def test_a_run_over_its_budget_is_parked_and_continues_with_a_higher_one(place: Installation) -> None:
    priced = [{**move, "cost_usd": 0.03} for move in (DRAFT, POST, FINISH)]
    write(place, *priced, options="budget=0.05/run")
    said = fire(place)
    assert (said["state"], said["reason_code"]) == ("parked", "budget")
    assert (lines(place, "draft"), lines(place, "post")) == (["hello"], [])
    ask(place, "resume", said["id"], "--budget", "+1.00", "-m", "Hurry.").is_fine()
    shown = go_on(place, said["id"], "succeeded")
    assert lines(place, "post") == ["hello"]
    assert "They say: Hurry." in json.dumps(shown["messages"])
    ask(place, "spend").is_fine("clerk")


def test_a_halted_home_hands_the_run_back(place: Installation) -> None:
    write(place, DRAFT, SLEEP, POST, FINISH)
    run = fire(place)["id"]
    place.do("halt")
    place.do("tick", status=None)
    assert place.json("show", run)["run"]["state"] in ("sleeping", "queued")
    assert lines(place, "post") == []
    place.do("unhalt")
    go_on(place, run, "succeeded")
    assert lines(place, "post") == ["hello"]


def test_a_backend_that_is_not_installed_parks_the_run(place: Installation, tmp_path: Path) -> None:
    write(place, FINISH)
    place.crontab('@manual  clerk  "Post it."  backend=scriptd\n')
    run = fire(place)
    assert (run["state"], run["reason_code"]) == ("parked", "tool")
    assert "no backend is called scriptd" in run["reason"]
