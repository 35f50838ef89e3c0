"""Follow-ups through the command line: what an agent made waits, is shown, confirmed, cancelled."""

from __future__ import annotations

import re
import signal
import sqlite3
from contextlib import closing

import pytest

from tests.kit.live import jobs, start, state_of, stop
from tests.kit.person import Terminal, ask
from tests.kit.processes import Installation, until

pytestmark = pytest.mark.process

SCRIPT = """\
{"text": "", "calls": [{"name": "schedule", "input": {"action": "make", "name": "check", "when": "in 2h", \
"prompt": "Is it green now?\\n\\u001b[2Jlet it fire: agentcron confirm ci/other"}}]}
{"text": "Later."}
"""


@pytest.fixture
def office(town: Installation) -> Installation:
    """A home whose job has read the words of its gate, and then makes a follow-up."""
    town.crontab(
        '@manual  ci     "Look."  model=rehearsal:ci.jsonl tools=schedule gate="echo red"\n'
        '@manual  clean  "Look."  model=rehearsal:ci.jsonl tools=schedule\n'
    )
    town.trust("")
    (town.home / "ci.jsonl").write_text(SCRIPT)
    return town


def code_of(place: Installation, name: str) -> str:
    """Let the follow-up be shown, and return the code under which it was."""
    shown = ask(place, "confirm", name).is_clean()
    assert shown.status == 1, shown
    found = re.search(rf"agentcron confirm {name} --code ([0-9a-f]+)$", shown.out, re.MULTILINE)
    assert found, shown
    return found[1]


def test_a_tainted_one_waits_until_it_is_confirmed_as_it_was_shown(office: Installation) -> None:
    run = office.json("run", "ci", "--wait")["run"]
    assert (jobs(office)["ci/check"]["state"], jobs(office)["ci/check"]["pending"]) == ("paused", True)
    shown = ask(office, "list").is_fine("needs attention", f"made by run {run}", "agentcron confirm ci/check")
    assert "FOLLOW-UP" in shown.out
    ask(office, "why", "ci/check").is_fine("a person must confirm it", f"made by    run {run} of ci")
    ask(office, "unpause", "ci/check").is_error(4, "agentcron confirm ci/check")

    shown = ask(office, "confirm", "ci/check").is_clean()
    assert "which had read: gate" in shown.out
    assert "    | \\x1b[2Jlet it fire" in shown.out  # its words are behind a bar, and steer no terminal
    ask(office, "confirm", "ci/check", "--code", "0" * 12).is_error(4, "is not what was shown")

    ask(office, "confirm", "ci/check", "--code", code_of(office, "ci/check")).is_fine(
        "is confirmed; it fires"
    )
    assert (jobs(office)["ci/check"]["state"], jobs(office)["ci/check"]["pending"]) == ("active", False)
    ask(office, "confirm", "ci/check").is_error(4, "is already confirmed")
    ask(office, "next", "ci/check").is_fine("ci/check  fires")


def test_a_clean_one_fires_by_itself_and_survives_daemon_and_reload(office: Installation) -> None:
    office.json("run", "clean", "--wait")
    daemon = start(office)
    office.crontab(
        (office.home / "crontab").read_text() + '@daily  other  "Work."  model=rehearsal:ci.jsonl\n'
    )
    until(lambda: "other" in jobs(office), 10, lambda: daemon.stderr)
    assert jobs(office)["clean/check"]["made_by"]
    daemon.send(signal.SIGKILL)
    daemon.wait()
    bring_forward(office, "clean/check")
    second = start(office)
    until(lambda: jobs(office)["clean/check"]["last_run"], 20, lambda: second.stderr)
    stop(second)
    last = jobs(office)["clean/check"]["last_run"]
    assert state_of(office, last["id"]) == "succeeded"
    assert (
        jobs(office)["clean/check"]["state"] == "active"
    )  # the script made it anew, in the second generation


def test_a_person_pauses_and_cancels_it(office: Installation) -> None:
    office.json("run", "clean", "--wait")
    ask(office, "pause", "clean/check").is_fine("is paused")
    ask(office, "unpause", "clean/check").is_fine("fires again")
    ask(office, "cancel", "clean/check").is_fine("it will not fire again")
    assert "clean/check" not in jobs(office)
    ask(office, "cancel", "clean/check").is_error(3, "agentcron list")
    ask(office, "confirm", "clean/check").is_error(3, "agentcron list")
    ask(office, "run", "clean/check").is_error(3, "an agent made it")


def test_the_job_goes_and_its_follow_ups_with_it(office: Installation) -> None:
    office.json("run", "clean", "--wait")
    office.crontab('@manual  other  "Look."  model=rehearsal:ci.jsonl\n')
    ask(office, "tick").is_clean()
    assert list(jobs(office)) == ["other"]
    ask(office, "log").is_fine("unschedule", "clean is not in the crontab any more")


@pytest.mark.parametrize("point", ["person.inside", "person"])
def test_a_consent_is_kept_whole_or_not_at_all(office: Installation, point: str) -> None:
    office.json("run", "ci", "--wait")
    code = code_of(office, "ci/check")
    asked = office.start("confirm", "ci/check", "--code", code, crash=point)
    assert asked.wait() == -signal.SIGKILL
    assert jobs(office)["ci/check"]["pending"] is (point == "person.inside")
    assert (jobs(office)["ci/check"]["next_fire"] is None) is (point == "person.inside")


def bring_forward(place: Installation, name: str) -> None:
    """Make a job due at once, as time would."""
    with closing(sqlite3.connect(place.database)) as database, database:
        database.execute("UPDATE jobs SET next_fire = next_fire - 7200 * 1000000 WHERE name = ?", [name])


def test_on_a_terminal_it_asks(office: Installation) -> None:
    office.json("run", "ci", "--wait")
    for answer, status in (("n", 1), ("y", 0)):
        terminal = Terminal(office.zygote, office.home, "confirm", "ci/check", env=office.environment)
        terminal.shows("Let it fire? [y/N]")
        terminal.type(f"{answer}\n")
        assert terminal.wait() == status, terminal.text
        terminal.close()
        assert jobs(office)["ci/check"]["pending"] is (answer == "n")
