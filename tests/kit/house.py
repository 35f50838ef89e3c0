"""A home with a crontab and the runners that work in it, on the real clock with short waits."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scheduler.adapters.system import SystemClock
from scheduler.app.crontab import crontab_file
from scheduler.core.actor import PERSON
from scheduler.core.job.standing import LoadReport, RunnerInfo
from scheduler.core.run.run import Run, State
from scheduler.core.time.clocks import Reading
from scheduler.engine.daemon.runner import Runner
from scheduler.engine.settings import Settings
from scheduler.testing.clock import FakeClock
from scheduler.testing.world import World, open_world
from tests.kit.models import FakeModel
from tests.kit.stage import Recorder

SHORT = Settings(poll_seconds=0.02, longest_wait_seconds=5.0, grace_seconds=1.0)


@dataclass
class House:
    """A home with a crontab, and the runners that work in it."""

    world: World
    model: FakeModel
    loads: list[LoadReport] = field(default_factory=list)

    def crontab(self, text: str) -> None:
        """Write the crontab; the file's time is moved on, so that the change shows at once."""
        path = self.world.config.crontab
        path.write_text(text, encoding="utf-8")
        stamp = path.stat().st_mtime_ns + 1_000_000 * (len(self.loads) + 1)
        os.utime(path, ns=(stamp, stamp))

    def runner(self, name: str = "r1", **more: Any) -> Runner:
        """Make a runner."""
        now = self.world.services.clock.now()
        return Runner(
            services=self.world.services,
            info=RunnerInfo(name, "daemon", "here", 1, now, now),
            presence=self.world.presence,
            orders=crontab_file(self.world.config),
            on_load=lambda _, report: self.loads.append(report),
            **more,
        )

    def runs(self, job: str | None = None) -> list[Run]:
        """Return the runs, the newest first."""
        with self.world.reader() as reader:
            return reader.runs(job)

    def count(self, state: State) -> int:
        """Count the runs in a state."""
        return sum(run.state is state for run in self.runs())

    async def load_and_fire(self, job: str) -> str:
        """Load the crontab if that was not done, and fire a job."""
        if not self.world.jobs:
            await self.world.load(self.world.config.crontab.read_text())
        return await self.world.fire(job)

    async def fire(self, job: str) -> str:
        """Fire a job as another process would."""
        now = datetime.now(UTC)
        orders = crontab_file(self.world.config).read(now)
        (found,) = (each for each in orders.jobs if each.name == job)
        async with open_world(self.world.config.home) as other:
            run = await other.store.fire_by(found, now, actor=PERSON)
        assert run is not None
        return run.id


@asynccontextmanager
async def house(
    folder: Path,
    *,
    recorders: tuple[Recorder, ...] = (),
    settings: Settings = SHORT,
    real: bool = True,
    clock: Any = None,
) -> AsyncIterator[House]:
    """A home on the real clock, or with ``real=False`` on a fake one, or on the one that is given."""
    model = FakeModel()
    extra = {recorder.name: recorder.made() for recorder in recorders}
    clock = clock or (SystemClock() if real else FakeClock())
    async with open_world(folder, model=model, tools=extra, settings=settings, clock=clock) as world:
        yield House(world, model)


@asynccontextmanager
async def serving(*runners: Runner) -> AsyncIterator[None]:
    """Let runners serve beside the test, and stop them in good order."""
    tasks = [asyncio.create_task(runner.serve()) for runner in runners]
    try:
        yield
    finally:
        for runner in runners:
            runner.stop()
        await asyncio.gather(*tasks)


class MovedClock(SystemClock):
    """The real clock, which a test may set, and whose machine it may suspend."""

    def __init__(self) -> None:
        self._set = timedelta()
        self._asleep = timedelta()

    def set(self, seconds: float) -> None:
        """Set the clock forward, or back."""
        self._set += timedelta(seconds=seconds)

    def suspend(self, seconds: float) -> None:
        """Let time pass without anything running."""
        self._asleep += timedelta(seconds=seconds)

    def now(self) -> datetime:
        """Return what the clock shows."""
        return super().now() + self._set + self._asleep

    def reading(self) -> Reading:
        """Return the three clocks."""
        awake = self.monotonic()
        return Reading(self.now(), awake + self._asleep.total_seconds(), awake)
