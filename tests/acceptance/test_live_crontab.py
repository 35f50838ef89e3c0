"""A crontab is changed under a running daemon: added to, broken, emptied, mended."""

from __future__ import annotations

import signal
import time

import pytest

from tests.fake_messages_api import FakeMessagesAPI, answer
from tests.kit.live import CRONTAB, jobs, soon, start, state_of, stop
from tests.kit.person import ask
from tests.kit.processes import Installation, until

pytestmark = pytest.mark.process


def test_a_changed_crontab_is_noticed_within_two_seconds(town: Installation, claude: FakeMessagesAPI) -> None:
    claude.script("Slow", answer("Late.", delay_seconds=4))
    claude.script("Second", answer("Two."))
    town.crontab('@manual  slow  "Slow"\n@manual  other  "Other"\n')
    daemon = start(town)
    # Add.
    town.crontab('@manual  slow  "Slow"\n@manual  other  "Other"\n@manual  more  "More"\n')
    soon(lambda: "added: more" in daemon.stderr, daemon)
    # Change: a run that is fired afterwards gets the new text.
    town.crontab('@manual  slow  "Slow"\n@manual  other  "Second"\n@manual  more  "More"\n')
    soon(lambda: "changed: other" in daemon.stderr, daemon)
    ask(town, "run", "other", "--wait").is_fine("Two.")
    # Remove, with a live run: it goes on to its end, and the daemon says so.
    run = town.json("run", "slow")["run"]
    until(lambda: state_of(town, run) == "running", 10, lambda: daemon.stderr)
    town.crontab('@manual  other  "Second"\n@manual  fresh  "More"\n')
    soon(lambda: "removed: more, slow" in daemon.stderr, daemon)
    assert f"job slow was removed; its live runs continue to their end: {run}" in daemon.stderr
    # A renamed one is a new one.
    assert "added: fresh" in daemon.stderr
    until(lambda: state_of(town, run) == "succeeded", 15, lambda: daemon.stderr)
    assert set(jobs(town)) == {"fresh", "other"}
    stop(daemon)


def test_a_prompt_file_is_part_of_the_crontab(town: Installation, claude: FakeMessagesAPI) -> None:
    (town.home / "p.md").write_text("First text\n")
    town.crontab("@manual  filed  @p.md\n")
    daemon = start(town)
    (town.home / "p.md").write_text("Second text\n")
    soon(lambda: "changed: filed" in daemon.stderr, daemon)
    ask(town, "run", "filed", "--wait")
    assert "Second text" in str(claude.requests[-1].messages[0])
    (town.home / "p.md").unlink()
    soon(lambda: "E12" in daemon.stderr, daemon)
    assert jobs(town)["filed"]["state"] == "invalid"
    (town.home / "p.md").write_text("Back again\n")
    soon(lambda: daemon.stderr.count("crontab loaded: 1 job\n") == 3, daemon)
    assert jobs(town)["filed"]["state"] == "active"
    stop(daemon)


def test_a_broken_line_stops_no_other_job(town: Installation) -> None:
    good = 'MODEL = rehearsal:quick.jsonl\n@every 1s  beat  "Beat"\n'
    town.crontab(good + '@every 1s  other  "Other"\n')
    daemon = start(town)
    town.crontab(good + '@every 1x  other  "Other"\n')
    soon(lambda: "crontab:3:8: error E11" in daemon.stderr or "crontab:3:" in daemon.stderr, daemon)
    assert "^" in daemon.stderr
    listed = ask(town, "list").is_fine("needs attention", "other: invalid: E")
    assert "beat" in listed.out
    until(lambda: jobs(town)["beat"]["last_run"], 10, lambda: daemon.stderr)
    before = jobs(town)["beat"]["last_run"]["id"]
    until(lambda: jobs(town)["beat"]["last_run"]["id"] != before, 5, lambda: daemon.stderr)
    ask(town, "run", "other").is_error(4, "other cannot run: E", "agentcron edit")
    # Mended, it goes on.
    town.crontab(good + '@every 1s  other  "Other"\n')
    soon(lambda: daemon.stderr.count("crontab loaded: 2 jobs") == 2, daemon)
    assert jobs(town)["other"]["state"] == "active"
    stop(daemon)


def test_a_crontab_that_vanishes_leaves_the_last_good_one(town: Installation) -> None:
    daemon = start(town)
    (town.home / "crontab").unlink()
    soon(lambda: "the crontab was not loaded" in daemon.stderr, daemon)
    said = ask(town, "list").is_fine("weekly")
    assert "there is no crontab at" in said.err
    assert said.err.count("\n") == 1
    (town.home / "crontab").write_bytes(b"\xff\xfe")
    soon(lambda: "not UTF-8" in daemon.stderr, daemon)
    ask(town, "list").is_fine("weekly")
    town.crontab(CRONTAB)
    soon(lambda: daemon.stderr.count("crontab loaded: 5 jobs") == 2, daemon)
    stop(daemon)


def test_sighup_reloads(town: Installation) -> None:
    daemon = start(town)
    daemon.send(signal.SIGHUP)
    soon(lambda: daemon.stderr.count("crontab loaded: 5 jobs") == 2, daemon)
    stop(daemon)


def test_a_file_that_is_emptied_before_it_is_written_removes_no_job(town: Installation) -> None:
    # As nano, `>` and cp do it; a daemon that looked in between once forgot the pauses of all jobs.
    daemon = start(town)
    ask(town, "pause", "brief").is_fine()
    path = town.home / "crontab"
    for number in range(5):
        with path.open("w") as file:
            time.sleep(0.13)
            file.write(f"{CRONTAB}# {number}\n")
        time.sleep(0.6)
    town.crontab(CRONTAB + '@manual  last  "x"\n')
    soon(lambda: "added: last" in daemon.stderr, daemon)
    assert "removed" not in daemon.stderr
    assert jobs(town)["brief"]["state"] == "paused"
    # Nor does a verb that loads the crontab itself.
    path.write_text("")
    asked = town.start("pause", "watch")
    time.sleep(0.1)
    path.write_text(CRONTAB)
    assert asked.wait() == 0, asked.stderr
    stop(daemon)
