"""F55: gates, reports and searches that hang, ignore SIGTERM or leave children: none outlives its time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scheduler.core.run.run import State
from scheduler.engine.settings import Settings
from scheduler.errors import CannotWorkError, ToolFault
from scheduler.ports.tool import ToolContext
from scheduler.tools import grep
from tests.kit.models import finish
from tests.kit.stage import Stage, stage
from tests.unit.test_child import is_dead_soon

pytestmark = pytest.mark.process

SHORT = Settings(gate_seconds=0.5, report_seconds=0.5)

HANGS = "echo $$ >> {pids}; exec sleep 300"
STUBBORN = "trap '' TERM INT HUP; echo $$ >> {pids}; while :; do sleep 0.05; done"
FORKS = "trap '' TERM; (trap '' TERM; sleep 300 & echo $! >> {pids}; wait) & wait"
LEAVES = "sleep 300 & echo $! >> {pids}; exit 0"

NEVER_ENDS = pytest.mark.parametrize("script", [HANGS, STUBBORN, FORKS], ids=["hangs", "stubborn", "forks"])


def program(folder: Path, script: str, name: str = "program") -> Path:
    """Write an executable script that notes its process ids; return its path."""
    path = folder / name
    path.write_text("#!/bin/sh\n" + script.format(pids=folder / "pids") + "\n")
    path.chmod(0o755)
    return path


async def all_dead(folder: Path) -> bool:
    """Whether every process that was noted is gone."""
    pids = (folder / "pids").read_text().split()
    assert pids
    return all([await is_dead_soon(int(pid)) for pid in pids])


def sent(s: Stage) -> list[tuple[str, str]]:
    """State and error of every notice."""
    with closing(sqlite3.connect(s.world.config.database)) as database:
        return list(database.execute("SELECT state, error FROM outbox"))


@NEVER_ENDS
async def test_f55_a_gate_that_never_ends_fails_the_run_and_is_killed(tmp_path: Path, script: str) -> None:
    gate = program(tmp_path, script)
    async with stage(tmp_path / "home", options=f"gate={gate}", settings=SHORT) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.FAILED, "gate")
        assert run.reason == "the gate took longer than 0.5 s"
        assert s.model.requests == 0
    assert await all_dead(tmp_path)


@NEVER_ENDS
async def test_f55_a_report_that_never_ends_is_killed_and_sent_again(tmp_path: Path, script: str) -> None:
    report = program(tmp_path, script)
    async with stage(tmp_path / "home", finish(), options=f"report={report}", settings=SHORT) as s:
        run = await s.play()
        await s.world.send_reports()
        assert run.state is State.SUCCEEDED
        assert sent(s) == [("waiting", "the report command took longer than 0.5 s")]
        assert await all_dead(tmp_path)
        program(tmp_path, "exit 0")
        await s.world.jump()
        await s.world.send_reports()
        assert sent(s) == [("sent", "")]


def no_sandbox() -> str:
    """Say that there is no sandbox here."""
    raise CannotWorkError("no sandbox in this test")


@NEVER_ENDS
async def test_f55_a_search_that_never_ends_is_told_and_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    (tmp_path / "work").mkdir()
    program(tmp_path, script, "grep")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(grep, "SEARCH_SECONDS", 0.5)
    monkeypatch.setattr(grep, "_ripgrep", lambda *_: None)
    monkeypatch.setattr(grep, "proven_program", no_sandbox)  # outside, where our own grep is found
    context = ToolContext(run_id="r", job="j", workdir=str(tmp_path / "work"), key="k", env={})
    with pytest.raises(ToolFault, match="gave up"):
        await grep.GREP.call({"pattern": "x"}, context)
    assert await all_dead(tmp_path)


async def test_f55_what_a_gate_or_a_report_leaves_behind_is_killed(tmp_path: Path) -> None:
    command = program(tmp_path, LEAVES)
    options = f"gate={command} report={command}"
    async with stage(tmp_path / "home", finish(), options=options, settings=SHORT) as s:
        run = await s.play()
        await s.world.send_reports()
        assert run.state is State.SUCCEEDED
        assert sent(s) == [("sent", "")]
    assert len((tmp_path / "pids").read_text().split()) == 2
    assert await all_dead(tmp_path)
