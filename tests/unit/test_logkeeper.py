"""The keeper of the daily log copies what was written, and leaves the disk alone while nobody writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from scheduler.adapters.daylog import files
from scheduler.core.actor import PERSON
from scheduler.duties.logkeeper import keep_logged
from scheduler.errors import DayLogError
from scheduler.testing.world import World, open_world
from tests.kit.stage import until


class Seconds:
    """A clock whose seconds pass when the test says so."""

    def __init__(self) -> None:
        self.passed: asyncio.Queue[None] = asyncio.Queue()
        self.slept = 0

    async def sleep(self, _seconds: float) -> None:
        """Wait for the test."""
        self.slept += 1
        await self.passed.get()


@asynccontextmanager
async def keeper(world: World) -> AsyncIterator[tuple[Seconds, list[int]]]:
    """A keeper at work, its clock, and how often it has copied."""
    seconds, copied = Seconds(), [0]
    sync = world.services.daylog.sync

    async def counted() -> None:
        copied[0] += 1
        await sync()

    world.services.daylog.sync = counted  # type: ignore[method-assign]
    task = asyncio.create_task(keep_logged(replace(world.services, clock=seconds)))  # type: ignore[arg-type]
    yield seconds, copied
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def second(seconds: Seconds) -> None:
    slept = seconds.slept
    seconds.passed.put_nowait(None)
    await until(lambda: seconds.slept > slept)


async def test_it_copies_what_was_written_and_looks_no_further_while_nobody_writes(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world, keeper(world) as (seconds, copied):
        await until(lambda: seconds.slept)
        for _ in range(5):
            await second(seconds)
        assert copied == [1]
        await world.load('@manual  work  "Do it."\n')
        await world.store.pause("work", "holidays", world.clock.now(), actor=PERSON)
        await second(seconds)
        assert copied == [2]
        assert '"holidays"' in files(world.config.log)[0].read_text()


async def test_while_the_log_cannot_be_written_it_tries_again_each_time(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        broken = [True]
        sync = world.services.daylog.sync

        async def failing() -> None:
            if broken[0]:
                raise DayLogError("no room")
            await sync()

        world.services.daylog.sync = failing  # type: ignore[method-assign]
        async with keeper(world) as (seconds, copied):
            await until(lambda: seconds.slept)
            for _ in range(3):
                await second(seconds)
            broken[0] = False
            for _ in range(3):
                await second(seconds)
            assert copied == [4]
