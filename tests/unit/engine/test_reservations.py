"""Reservations: what is out counts as spent, so that runs side by side cannot overdraw a day together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from scheduler.core.actor import PERSON
from scheduler.core.run.run import Run, State
from scheduler.testing.world import World, open_world
from tests.kit.models import FakeModel, say

DOLLAR = 1_000_000


@asynccontextmanager
async def parallel(folder: Path, model: FakeModel, budget: str, worst: int) -> AsyncIterator[World]:
    """A job that may run any number of times at once, and whose every request may cost ``worst``."""
    async with open_world(folder, model=model) as world:
        world.services = replace(world.services, price=lambda *_: worst)
        await world.load(f'@manual  job  "Work."  tz=UTC overlap=allow budget="{budget}"\n')
        yield world


def states(world: World) -> dict[str, int]:
    """Count the runs by state."""
    found: dict[str, int] = {}
    for run in world.runs():
        found[run.state.value] = found.get(run.state.value, 0) + 1
    return found


async def until_asked(model: FakeModel, count: int) -> None:
    """Let others work until so many requests are out."""
    async with asyncio.timeout(20):
        while model.requests < count:  # noqa: ASYNC110  (nobody else tells)
            await asyncio.sleep(0.005)


async def test_runs_side_by_side_pass_the_days_cap_by_one_request_at_most(tmp_path: Path) -> None:
    model = FakeModel([say("Done.", cost=DOLLAR)] * 10, hold=asyncio.Event())
    async with parallel(tmp_path, model, "1/run 2.50/day", DOLLAR) as world:
        for _ in range(10):
            await world.fire("job")
        underway = await world.begin()
        await until_asked(model, 3)
        await asyncio.gather(*(each.task for each in underway[3:]))
        assert model.requests == 3  # 3 dollars of 2.50: the third one had room when it began
        assert states(world) == {"running": 3, "retrying": 7}
        waits = next(run for run in world.runs() if run.state is State.RETRYING)
        assert waits.reason == "requests that are out hold $3.00 of today's $2.50"

        assert model.hold is not None
        model.hold.set()
        await asyncio.gather(*(each.task for each in underway))
        world.clock.advance(60)
        await world.settle()
        assert states(world) == {"succeeded": 3, "parked": 7}
        assert model.requests == 3


async def test_room_that_was_reserved_and_not_used_is_given_to_those_who_wait(tmp_path: Path) -> None:
    model = FakeModel([say("Done.", cost=DOLLAR // 100)] * 10, hold=asyncio.Event())
    async with parallel(tmp_path, model, "1/run 2.50/day", DOLLAR) as world:
        for _ in range(5):
            await world.fire("job")
        underway = await world.begin()
        await until_asked(model, 3)
        assert model.hold is not None
        await asyncio.gather(*(each.task for each in underway[3:]))
        model.hold.set()
        await asyncio.gather(*(each.task for each in underway))
        assert states(world) == {"succeeded": 3, "retrying": 2}
        await world.jump()
        assert states(world) == {"succeeded": 5}


async def test_a_request_that_is_lost_stays_counted_at_its_worst(tmp_path: Path) -> None:
    model = FakeModel([say("Late.", cost=1), say("Done.", cost=1)], hold=asyncio.Event())
    async with parallel(tmp_path, model, "5/run 5/day", DOLLAR) as world:
        await world.fire("job")
        (underway,) = await world.begin()
        await until_asked(model, 1)
        await underway.kill()
        assert model.hold is not None
        model.hold.set()
        await world.take_over()
        (run,) = world.runs()
        assert (run.state, run.cost_microusd, run.unknown_cost_requests) == (
            State.SUCCEEDED,
            DOLLAR + 1,
            1,
        )


async def test_a_loop_without_end_stops_at_its_cap_with_one_request_over_and_continues_when_it_is_raised(
    tmp_path: Path,
) -> None:
    model = FakeModel([say("On.", "pause_turn", cost=DOLLAR // 3)] * 1000)
    async with parallel(tmp_path, model, "2/run 100/day", DOLLAR // 3) as world:
        run: Run = await world.play("job")
        assert (run.state, run.reason_code) == (State.PARKED, "budget")
        assert 2 * DOLLAR <= run.cost_microusd < 2 * DOLLAR + DOLLAR // 3

        await world.store.raise_budget(run.id, world.clock.now(), {"run_microusd": 3 * DOLLAR}, actor=PERSON)
        run = await world.resume(run.id)
        assert run.state is State.PARKED
        assert 3 * DOLLAR <= run.cost_microusd < 3 * DOLLAR + DOLLAR // 3
