"""The verb ``doctor``: problems first, each with a way to mend it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.testing.clock import FakeClock
from scheduler.testing.world import World
from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build, Call
from tests.unit.cli.patients import problems


def test_a_healthy_home(call: Call, build: Build) -> None:
    build(scenes.load)
    answer = call("doctor").fits()
    assert (answer.status, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert len(lines) <= 40
    assert lines[-1] == "no problems"
    assert problems(call("doctor", "--json")) == {}


def test_an_empty_home_wants_a_crontab(call: Call) -> None:
    answer = call("doctor").fits()
    assert answer.status == 1
    assert answer.out.startswith("PROBLEM  crontab: no crontab at")
    assert set(problems(call("doctor", "--json"))) == {"crontab"}
    assert "fix: agentcron init" in answer.out


def test_a_dead_runner_and_overdue_work(call: Call, build: Build, clock: FakeClock) -> None:
    build(scenes.busy)
    clock.advance(86400)
    found = problems(call("doctor", "--json"))
    assert found["runs"] == "1 running with a dead runner: run00004"
    assert found["daemon"].startswith("no daemon is running; 2 jobs due")


def test_a_missing_key(call: Call, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
    (home / "crontab").write_text('0 9 * * * digest "x"\n')
    assert (
        problems(call("doctor", "--json"))["key"] == "ANTHROPIC_API_KEY is not set; needed by 1 job (digest)"
    )


def test_errors_of_the_crontab(call: Call, home: Path) -> None:
    (home / "crontab").write_text('0 25 * * * bad "x"\n0 9 * * * digest "x" report="./nope.sh"\n')
    found = problems(call("doctor", "--json"))
    assert found["crontab"] == "line 1: E02 hour 25 is out of range 0-23"
    assert "nope.sh does not exist" in found["report"]


def test_an_open_home(call: Call, build: Build, home: Path) -> None:
    build(scenes.load)
    home.chmod(0o755)
    assert "open to other users (mode 0755)" in problems(call("doctor", "--json"))["home"]


def test_a_damaged_and_a_newer_database(call: Call, build: Build, home: Path) -> None:
    build(scenes.load)
    with sqlite3.connect(home / "agentcron.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    assert "its schema is 9999" in problems(call("doctor", "--json"))["database"]
    (home / "agentcron.db").write_bytes(b"this is no database" * 100)
    assert "not an agentcron database" in problems(call("doctor", "--json"))["database"]


def test_a_clock_that_was_set_back(call: Call, build: Build, clock: FakeClock) -> None:
    async def scene(world: World) -> None:
        await scenes.load(world)
        await world.fire("writer")

    build(scene)
    clock.jump_to(clock.now() - timedelta(hours=5))
    assert problems(call("doctor", "--json"))["clock"].startswith("the database has a time 5h in the future")


def test_a_full_disk(call: Call, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    build(scenes.load)
    usage = shutil._ntuple_diskusage(10**9, 10**9 - 1, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert "0.0 GB free" in problems(call("doctor", "--json"))["disk"]


def test_a_stranger_in_the_package(call: Call, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    build(scenes.load)
    monkeypatch.setattr(
        importlib.metadata, "packages_distributions", lambda: {"scheduler": ["agentcron", "scheduler"]}
    )
    assert "also installs a package `scheduler`: scheduler" in problems(call("doctor", "--json"))["package"]


def test_it_writes_nothing(call: Call, home: Path) -> None:
    call("doctor")
    assert os.listdir(home) == []
