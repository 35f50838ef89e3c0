"""``halt`` and ``unhalt``: they need neither a daemon nor a database, and whoever looks is told."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build, Call


def test_a_home_that_was_never_used_can_be_halted(call: Call, home: Path) -> None:
    home.rmdir()
    answer = call("halt", "--reason", "not yet").fits()
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.splitlines()[0] == "halted: no effect and no model call starts in this home"
    assert (home / "HALT").read_text() == "not yet\n"
    assert stat.S_IMODE((home / "HALT").stat().st_mode) == 0o600
    assert call("unhalt").out == "no longer halted: everything continues where it was\n"
    assert call("unhalt").out == "the home is not halted\n"


def test_a_database_that_is_garbage_is_no_obstacle(call: Call, home: Path) -> None:
    (home / "agentcron.db").write_bytes(b"garbage" * 1000)
    assert call("halt").status == 0
    assert call("unhalt").status == 0


def test_a_second_halt_keeps_the_first_reason_unless_it_has_one_itself(call: Call, home: Path) -> None:
    call("halt", "--reason", "first")
    assert "already halted: first" in call("halt").out
    call("halt", "--reason", "second")
    assert (home / "HALT").read_text() == "second\n"


def test_who_looks_is_told_why_since_when_and_how_to_continue(call: Call, build: Build, home: Path) -> None:
    build(scenes.busy)
    assert json.loads(call("list", "--json").out)["halted"] is None
    call("halt", "--reason", "it writes nonsense")

    answer = call("list").fits()
    told = " ".join(answer.out.split("\n\n")[0].split())
    assert "HALTED since" in told
    assert "it writes nonsense. Resume: agentcron unhalt" in told
    halted = json.loads(call("list", "--json").out)["halted"]
    assert halted["reason"] == "it writes nonsense"
    assert halted["since"].endswith("Z")
    assert "it writes nonsense. Resume: agentcron unhalt" in call("why", "digest").err
    assert "it writes nonsense. Resume: agentcron unhalt" in call("run", "writer").err
    problem = next(
        each for each in json.loads(call("doctor", "--json").out)["checks"] if each["name"] == "halt"
    )
    assert (problem["level"], problem["fix"]) == ("problem", "agentcron unhalt")


def test_what_cannot_be_written_is_said_in_one_line(call: Call, home: Path) -> None:
    (home / "HALT").mkdir()
    answer = call("halt", "--reason", "stop")
    assert answer.status == 5
    assert "cannot write" in answer.err
    assert call("unhalt").status == 5
    assert [path.name for path in home.iterdir()] == ["HALT"]
