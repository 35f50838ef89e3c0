"""Homes with something in them, and a way to call the command inside this process."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from scheduler.adapters import system
from scheduler.core.text.safe import cells
from scheduler.doors.cli.main import _status
from scheduler.testing.clock import FakeClock
from scheduler.testing.world import World, open_world
from tests.unit.cli import scenes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call of the command gave."""

    status: int
    out: str
    err: str

    def fits(self) -> Answer:
        """Assert that no line is wider than a terminal."""
        wide = [line for line in self.out.split("\n") if cells(line) > 80]
        assert not wide, wide
        return self


Call = Callable[..., Answer]
Build = Callable[[Callable[[World], Awaitable[None]]], None]
Sql = Callable[[str], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock and the zone that the command sees."""
    fake = FakeClock(scenes.START)
    monkeypatch.setattr(system, "now", fake.now)
    monkeypatch.setattr(system, "local_zone", lambda: "Europe/Berlin")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-a-key")
    return fake


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def call(home: Path, clock: FakeClock, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command on the home; nothing of an earlier call is in the answer."""

    def run(*args: str) -> Answer:
        capsys.readouterr()
        status = _status(["--home", str(home), *args])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Answer(status, captured.out, captured.err)

    return run


@pytest.fixture
def build(home: Path, clock: FakeClock) -> Build:
    """Do something in the world that lives in the home."""

    def made(work: Callable[[World], Awaitable[None]]) -> None:
        async def main() -> None:
            async with open_world(home, clock=clock) as world:
                await work(world)

        asyncio.run(main())

    return made


@pytest.fixture
def sql(home: Path) -> Sql:
    """Change the database by hand, as nobody should."""

    def do(statement: str) -> None:
        connection = sqlite3.connect(home / "agentcron.db")
        with connection:
            changed = connection.execute(statement).rowcount
        connection.close()
        assert changed, f"nothing was changed: {statement}"

    return do


@pytest.fixture(autouse=True)
def _plain_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run ids in the order of their making: golden texts need names that stay."""
    names = iter(f"run{number:05d}" for number in range(1, 100_000))
    monkeypatch.setattr(system.SystemEntropy, "new_id", lambda _: next(names))
