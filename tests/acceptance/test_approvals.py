"""A run asks, a person answers through the command line: approve, deny, restart, race, altered arguments."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.kit.live import start, state_of, stop
from tests.kit.person import ask
from tests.kit.processes import Installation, until

pytestmark = pytest.mark.process

SCRIPT = """\
{"text": "", "calls": [{"name": "stamp", "input": {"text": "one"}}]}
{"text": "Done."}
"""


@pytest.fixture
def office(town: Installation) -> Installation:
    """A home whose job wants to stamp, which is an effect outside, under the built-in profile."""
    town.crontab('@manual  clerk  "Stamp."  model=rehearsal:clerk.jsonl tools=stamp\n')
    town.trust("")
    (town.home / "clerk.jsonl").write_text(SCRIPT)
    return town


def stamps(place: Installation) -> list[str]:
    file = Path(place.home / "work" / "clerk" / "stamps")
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def asked(place: Installation) -> tuple[str, str]:
    """Fire the job, and return the run and the id of its question."""
    said = ask(place, "run", "clerk", "--wait", "--json")
    run = str(json.loads(said.out)["run"])
    assert state_of(place, run) == "parked"
    [question] = place.json("approvals")
    assert (question["run"], question["tool"], question["args"]) == (run, "stamp", {"text": "one"})
    return run, question["id"]


def test_approve_and_the_run_continues_within_a_second(office: Installation) -> None:
    run, question = asked(office)
    said = ask(office, "approvals").is_fine("clerk", "text: one", f"agentcron approve {question}")
    assert "no grant covers" in said.out
    ask(office, "resume", run).is_error(4, "agentcron approvals")
    # Every verb says the same way on.
    assert f"an answer: agentcron approve {question}" in ask(office, "list").out
    for verb in (("why", "clerk"), ("show", run), ("doctor",)):
        assert "agentcron approvals" in ask(office, *verb).out, verb
    daemon = start(office)
    ask(office, "approve", question[:6]).is_fine("is approved")
    until(lambda: state_of(office, run) == "succeeded", 5, lambda: daemon.stderr)
    assert stamps(office) == ["one"]
    stop(daemon)
    ask(office, "approve", question).is_error(4, "waits for no answer any more")
    ask(office, "approvals").is_fine("Nothing waits")


def test_deny_and_the_agent_is_told(office: Installation) -> None:
    run, question = asked(office)
    ask(office, "deny", question, "--reason", "Not today.").is_fine("is denied")
    ask(office, "tick").is_clean()
    assert (state_of(office, run), stamps(office)) == ("succeeded", [])
    assert "A person denied this call and says: Not today." in ask(office, "show", run).out


def test_the_question_survives_the_daemon_that_put_it(office: Installation) -> None:
    daemon = start(office)
    run = office.json("run", "clerk")["run"]
    until(lambda: state_of(office, run) == "parked", 10, lambda: daemon.stderr)
    daemon.send(signal.SIGKILL)
    daemon.wait()
    [question] = office.json("approvals")
    ask(office, "approve", question["id"]).is_fine("is approved")
    second = start(office)
    until(lambda: state_of(office, run) == "succeeded", 10, lambda: second.stderr)
    stop(second)
    assert stamps(office) == ["one"]


def test_of_two_answers_at_once_one_counts(office: Installation) -> None:
    run, question = asked(office)
    rivals = [office.start("approve", question), office.start("deny", question)]
    assert sorted(rival.wait() for rival in rivals) == [0, 4]
    ask(office, "tick").is_clean()
    approved = "is approved" in rivals[0].stdout
    assert stamps(office) == (["one"] if approved else [])
    assert state_of(office, run) == "succeeded"


def test_arguments_that_were_altered_after_the_approval_ask_again(office: Installation) -> None:
    run, question = asked(office)
    ask(office, "approve", question).is_fine()
    with closing(sqlite3.connect(office.database)) as database, database:
        database.execute("UPDATE calls SET args = ? WHERE name = 'stamp'", [json.dumps({"text": "two"})])
    ask(office, "tick").is_clean()
    assert (state_of(office, run), stamps(office)) == ("parked", [])
    [again] = office.json("approvals")
    assert again["args"] == {"text": "two"}


def test_always_is_shown_and_revoked(office: Installation) -> None:
    _, question = asked(office)
    ask(office, "approve", question, "--always").is_fine("may do this from now on")
    ask(office, "tick").is_clean()
    office.json("run", "clerk", "--wait")
    assert stamps(office) == ["one", "one"]
    told = office.json("trust", "explain", "clerk")
    [grant] = told["always"]
    ask(office, "trust", "explain", "clerk").is_fine("Granted by `approve --always`", grant["id"])
    ask(office, "trust", "revoke", grant["id"]).is_fine("is revoked")
    asked(office)


def test_an_answer_to_nothing_is_not_found(office: Installation) -> None:
    ask(office, "approve", "abcd").is_error(3, "agentcron approvals")
    for short in ("", "abc"):  # an empty variable must not mean "whatever waits"
        ask(office, "approve", short).is_error(2, "too short", "agentcron approvals")
    asked(office)
    ask(office, "deny", "zzzz").is_error(3, "agentcron approvals")
    ask(office, "trust", "revoke", "zzz").is_error(3, "agentcron trust explain")


def test_check_says_at_noon_what_would_stall_at_night(office: Installation) -> None:
    said = ask(office, "check").is_fine("W10", "clerk would stop and wait for a person at: stamp")
    assert "agentcron trust explain clerk" in said.out
    office.trust('[profile.x]\nbase = "act"\n[[profile.x.grant]]\ntool = "stmp"\n')
    office.crontab('@manual  clerk  "Stamp."  model=rehearsal:clerk.jsonl tools=stamp trust=x\n')
    assert "names no known tool: stmp" in ask(office, "check").out
    office.trust('[profile.x]\nbase = "acts"\n')
    broken = ask(office, "check")
    assert (broken.status, "E17" in broken.out) == (1, True)
    assert "trust.toml:1: profile.x.base is one of observe, propose, act" in " ".join(broken.out.split())


def test_an_answer_that_comes_too_late_is_refused_and_counts_as_no(office: Installation) -> None:
    run, question = asked(office)
    with closing(sqlite3.connect(office.database)) as database, database:
        for table, column in (("approvals", "expires_at"), ("wakeups", "due")):
            database.execute(f"UPDATE {table} SET {column} = {column} - 90000000000")  # 25 hours
    ask(office, "approve", question).is_error(4, "has expired and is denied")
    ask(office, "tick").is_clean()
    assert (state_of(office, run), stamps(office)) == ("succeeded", [])
    told = " ".join(ask(office, "show", run, "--full").out.split())
    assert "was not approved and used in time" in told


# -- a process dies between the question and its answer --------------------------------------------


def revived(place: Installation, run: str) -> None:
    """Let a daemon bring the run to rest."""
    daemon = start(place)
    until(lambda: state_of(place, run) in ("parked", "succeeded", "failed"), 15, lambda: daemon.stderr)
    stop(daemon)


@pytest.mark.parametrize("point", ["W6", "W14.inside", "W14"])
def test_a_question_is_put_once_though_its_daemon_dies_at(office: Installation, point: str) -> None:
    run = office.json("run", "clerk")["run"]
    assert office.start("up", crash=point).wait() == -signal.SIGKILL
    revived(office, run)
    [question] = office.json("approvals")
    assert (question["run"], stamps(office)) == (run, [])


@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize("point", ["person.inside", "person"])
def test_an_answer_holds_once_though_its_process_dies_at(office: Installation, point: str, verb: str) -> None:
    run, question = asked(office)
    assert office.start(verb, question, crash=point).wait() == -signal.SIGKILL
    if point == "person.inside":  # nothing was committed: the question stands
        ask(office, verb, question).is_fine()
    else:
        ask(office, verb, question).is_error(4)
    revived(office, run)
    assert (state_of(office, run), stamps(office)) == ("succeeded", ["one"] if verb == "approve" else [])


@pytest.mark.parametrize("point", ["W1", "W8.inside", "W8", "effect", "W10", "W12.inside", "W12"])
def test_an_approved_call_acts_at_most_once_though_its_daemon_dies_at(
    office: Installation, point: str
) -> None:
    run, question = asked(office)
    ask(office, "approve", question).is_fine()
    assert office.start("up", crash=point).wait() == -signal.SIGKILL
    revived(office, run)
    assert state_of(office, run) == "succeeded", "consent is not asked for again"
    # Where nobody can know whether it happened it is not repeated: `stamp` is opaque.
    assert stamps(office) == ([] if point == "W8" else ["one"])
