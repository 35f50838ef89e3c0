"""The pruner: it waits for the crontab, works in small units, and comes back every day."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.duties.pruner import AGAIN_SECONDS, DAY_SECONDS, FIRST_SECONDS, keep_pruned, prune_all
from scheduler.errors import StoreError
from scheduler.ports.store.upkeep import Pruned
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, open_world

pytestmark = pytest.mark.anyio

CRONTAB = '@manual  nap  "Nap"  model=rehearsal:nap.jsonl  keep=1d\n'


async def napping(world: World, naps: int) -> None:
    world.script("nap", script().finish("Rested."))
    await world.load(CRONTAB)
    for _ in range(naps):
        await world.play("nap")


class Moments:
    """A store that only says when it is asked to prune; its first answer is a fault."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[float] = []

    async def prune(self, *_: object) -> Pruned:
        """Note the moment."""
        self.asked.append(self.world.clock.monotonic())
        if len(self.asked) == 1:
            raise StoreError("the disk is full")
        if len(self.asked) == 4:
            await asyncio.Event().wait()
        return Pruned()


async def test_old_runs_go_and_the_last_one_stays(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await napping(world, 5)
        world.clock.advance(3 * DAY_SECONDS)
        sums: list[int] = []
        gone = await prune_all(world.services, on_batch=lambda total: sums.append(total.runs))
        assert gone.runs == 4
        assert sums == [4]
        assert len(world.runs()) == 1


async def test_it_comes_back_every_day_and_sooner_after_a_fault(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        seen = Moments(world)
        services = replace(world.services, store=seen)  # type: ignore[arg-type]
        task = asyncio.create_task(keep_pruned(services))
        async with asyncio.timeout(20):
            while len(seen.asked) < 4:  # noqa: ASYNC110
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        first = FIRST_SECONDS
        again = first + AGAIN_SECONDS
        assert seen.asked == [first, again, again + DAY_SECONDS, again + 2 * DAY_SECONDS]
