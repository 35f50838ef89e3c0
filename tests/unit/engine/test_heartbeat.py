"""The beat of the runner's loop: it goes on while the loop waits, and stops when the store hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from scheduler.adapters.system import SystemClock
from scheduler.app.crontab import crontab_file
from scheduler.core.job.standing import RunnerInfo
from scheduler.engine.daemon.runner import Runner
from scheduler.engine.settings import Settings
from scheduler.errors import StoreError
from scheduler.ports.observer import Observer
from scheduler.testing.world import World, open_world
from tests.kit.models import FakeModel, call
from tests.kit.stage import Recorder, hang, until

SHORT = Settings(poll_seconds=0.02, longest_wait_seconds=60.0, grace_seconds=1.0)


class Pulse(Observer):
    """Counts beats, and keeps what else it hears."""

    def __init__(self) -> None:
        self.beats = 0
        self.heard: list[str] = []

    def beat(self, *_: Any) -> None:
        self.beats += 1

    def loaded(self, jobs: int, problem: str) -> None:
        self.heard.append(problem or f"{jobs} loaded")

    def passed(self, *_: Any) -> None:
        self.heard.append("passed")

    def troubled(self, problem: str) -> None:
        self.heard.append(problem)


@asynccontextmanager
async def serving(
    folder: Path, crontab: str = '@manual  one  "x"\n', **more: Any
) -> AsyncIterator[tuple[World, Runner, Pulse]]:
    """A runner at work on the real clock, and somebody who feels its pulse."""
    clock: Any = SystemClock()
    async with open_world(folder, settings=SHORT, clock=clock, **more) as world:
        pulse = Pulse()
        world.services.move_log._observers = (pulse,)
        world.config.crontab.write_text(crontab, encoding="utf-8")
        now = clock.now()
        info = RunnerInfo("r1", "daemon", "here", 1, now, now)
        runner = Runner(
            services=world.services, info=info, presence=world.presence, orders=crontab_file(world.config)
        )
        task = asyncio.create_task(runner.serve())
        try:
            yield world, runner, pulse
        finally:
            runner.stop()
            await task


async def test_it_beats_while_nothing_is_due_for_a_long_time(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, _runner, pulse):
        await until(lambda: "passed" in pulse.heard)
        assert pulse.heard[0] == "1 loaded", "loaded before the first pass is told"
        beats = pulse.beats
        await until(lambda: pulse.beats >= beats + 10)


async def test_it_stops_when_the_committer_hangs(tmp_path: Path) -> None:
    async with serving(tmp_path) as (world, _, pulse):
        await until(lambda: pulse.beats > 5)
        freed, real = asyncio.Event(), world.store.changes

        async def stuck() -> int:
            await freed.wait()
            return await real()

        world.store.changes = stuck  # type: ignore[method-assign]
        await asyncio.sleep(0.1)
        beats = pulse.beats
        await asyncio.sleep(0.3)
        assert pulse.beats == beats, "a loop that waits for a dead disk must not look alive"
        freed.set()
        await until(lambda: pulse.beats > beats)


async def test_it_continues_while_the_database_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for a lock to go away is alive: to start it anew would help nobody."""
    async with serving(tmp_path) as (world, _, pulse):
        await until(lambda: pulse.beats > 5)
        real = world.store.changes

        async def refused() -> int:
            raise StoreError("the database is locked")

        world.store.changes = refused  # type: ignore[method-assign]
        await until(lambda: pulse.heard[-1] == "the database is locked")
        beats = pulse.beats
        await until(lambda: pulse.beats >= beats + 3)
        world.store.changes = real  # type: ignore[method-assign]
        await until(lambda: pulse.heard[-1] == "passed")


async def test_it_continues_while_the_runner_winds_down(tmp_path: Path) -> None:
    slow = Recorder("slow", then=hang)
    model = FakeModel([call(("slow", {}))])
    crontab = '@every 1s  one  "x"  model=rehearsal:x\n'
    async with serving(tmp_path, crontab, model=model, tools={"slow": slow.made()}) as (_, runner, pulse):
        await slow.begun.wait()
        runner.stop()
        beats = pulse.beats
        await until(lambda: pulse.beats >= beats + 10)


async def test_a_crontab_that_cannot_be_read_is_told_as_well(tmp_path: Path) -> None:
    async with serving(tmp_path) as (world, runner, pulse):
        await until(lambda: "passed" in pulse.heard)
        world.config.crontab.unlink()
        runner.reload()
        await until(lambda: any("there is no crontab" in told for told in pulse.heard))
