"""What a reader loads: nothing heavy, so that it answers at once."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build

HEAVY = (
    "sqlalchemy",
    "sqlmodel",
    "pydantic",
    "alembic",
    "anthropic",
    "httpx",
    "tenacity",
    "genai_prices",
    "mcp",
    "rich",
)

PROGRAM = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from scheduler.doors.cli.main import _status
with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
    status = _status(sys.argv[1:])
print(json.dumps([status, sorted(name for name in sys.modules if "." not in name)]))
"""


def loaded(home: Path, *args: str) -> tuple[int, set[str]]:
    """The status of a command, and the top-level modules that its process has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--home", str(home), *args],
        capture_output=True, text=True, check=True, env=os.environ | {"ANTHROPIC_API_KEY": "not-a-key"},
    )  # fmt: skip
    status, modules = json.loads(done.stdout)
    return status, set(modules)


@pytest.mark.process
@pytest.mark.parametrize(
    "args",
    [("list",), ("list", "--json"), ("list", "--all"), ("show", "run00003"), ("show", "run00003", "--json")],
)
def test_list_and_show_parse_no_crontab(build: Build, home: Path, args: tuple[str, ...]) -> None:
    """A forecast for overdue jobs needs their schedules (30 ms); the scene is of the past, so it has some."""
    build(scenes.busy)
    status, modules = loaded(home, *args)
    assert status == 0
    assert not modules & set(HEAVY)
    with closing(sqlite3.connect(home / "agentcron.db")) as database, database:
        database.execute("UPDATE jobs SET next_fire = 4000000000000000 WHERE next_fire IS NOT NULL")
    status, modules = loaded(home, *args)
    assert status == 0
    assert not modules & {*HEAVY, "croniter"}


@pytest.mark.process
@pytest.mark.parametrize(
    "args",
    [
        ("next",),
        ("why", "digest"),
        ("check",),
        ("doctor",),
        ("explain", "@daily"),
        ("help", "sleep"),
        ("db", "status"),
    ],
)
def test_the_other_readers_load_nothing_heavy(build: Build, home: Path, args: tuple[str, ...]) -> None:
    build(scenes.busy)
    _, modules = loaded(home, *args)
    assert not modules & set(HEAVY)
