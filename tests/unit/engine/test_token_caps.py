"""Caps on tokens: a run stops with one request over at most, and goes on when a person raises the cap."""

from __future__ import annotations

import asyncio
from pathlib import Path

from scheduler.core.actor import PERSON
from scheduler.core.run.run import State
from scheduler.testing.world import World, open_world
from tests.kit.models import FakeModel, say
from tests.unit.engine.test_reservations import states, until_asked

EACH = 110
"""What an answer of the fake model uses: 100 in, 10 out."""


async def load(world: World, budget: str, above: str = "") -> None:
    """A job that may run any number of times at once."""
    await world.load(f'{above}\n@manual  job  "Work."  tz=UTC overlap=allow budget="{budget}"\n')


async def test_a_loop_without_end_stops_with_one_request_over_and_continues_when_the_cap_is_raised(
    tmp_path: Path,
) -> None:
    model = FakeModel([say("On.", "pause_turn", cost=0)] * 1000)
    async with open_world(tmp_path, model=model) as world:
        await load(world, "1ktok/run")
        run = await world.play("job")
        assert (run.state, run.reason_code) == (State.PARKED, "budget-tokens")
        assert run.reason == "the run has spent 1,100 of its 1,000 tokens"
        assert 1_000 <= run.tokens < 1_000 + EACH

        await world.store.raise_budget(run.id, world.clock.now(), {"run_tokens": 2_000}, actor=PERSON)
        run = await world.resume(run.id)
        assert run.state is State.PARKED
        assert 2_000 <= run.tokens < 2_000 + EACH


async def test_runs_side_by_side_pass_the_days_tokens_by_one_request_at_most(tmp_path: Path) -> None:
    model = FakeModel([say("Done.", cost=0)] * 10, hold=asyncio.Event())
    async with open_world(tmp_path, model=model) as world:
        worst = world.services.settings.max_tokens
        await load(world, f"{worst + 1}tok/day")
        for _ in range(6):
            await world.fire("job")
        underway = await world.begin()
        await until_asked(model, 1)
        await asyncio.gather(*(each.task for each in underway[1:]))
        # The first one may have an answer as long as allowed, and what was sent: that fills the day.
        assert states(world) == {"running": 1, "retrying": 5}
        waits = next(run for run in world.runs() if run.state is State.RETRYING)
        assert waits.reason_code == "budget-day-tokens"
        assert waits.reason.startswith("requests that are out hold ")
        assert waits.reason.endswith(f" of today's {worst + 1:,} tokens")

        assert model.hold is not None
        model.hold.set()
        await asyncio.gather(*(each.task for each in underway))
        while states(world).get("retrying"):  # one more in each pass: most of what was held comes back
            await world.jump()
        assert states(world) == {"succeeded": 6}


async def test_the_days_tokens_come_back_with_the_next_day(tmp_path: Path) -> None:
    model = FakeModel(
        [say("On.", "pause_turn", cost=0), say("Done."), say("On.", "pause_turn"), say("Done.")]
    )
    async with open_world(tmp_path, model=model) as world:
        await load(world, "300tok/day")
        assert (await world.play("job")).state is State.SUCCEEDED
        run = await world.play("job")
        assert (run.reason_code, run.reason) == (
            "budget-day-tokens",
            "the job has spent 330 of today's 300 tokens",
        )
        await world.jump()
        assert f"{world.clock.now():%d %H:%M}" == "24 00:00"
        assert (await world.run(run.id)).state is State.SUCCEEDED


async def test_a_request_that_is_lost_stays_counted_at_its_most(tmp_path: Path) -> None:
    model = FakeModel([say("Late."), say("Done.")], hold=asyncio.Event())
    async with open_world(tmp_path, model=model) as world:
        await load(world, "1Mtok/run")
        await world.fire("job")
        (underway,) = await world.begin()
        await until_asked(model, 1)
        await underway.kill()
        assert model.hold is not None
        model.hold.set()
        await world.take_over()
        (run,) = world.runs()
        assert (run.state, run.unknown_cost_requests) == (State.SUCCEEDED, 1)
        assert run.tokens > world.services.settings.max_tokens + EACH


async def test_all_jobs_together_stop_at_their_tokens(tmp_path: Path) -> None:
    model = FakeModel([say("Done.", cost=0)] * 9)
    async with open_world(tmp_path, model=model) as world:
        await load(world, "5/day", "FLEET_BUDGET = 200tok/day")
        for _ in range(2):
            assert (await world.play("job")).state is State.SUCCEEDED
        run = await world.play("job")
        assert (run.state, run.reason_code) == (State.PARKED, "budget-fleet-tokens")
        assert run.reason == "all jobs have spent 220 of today's 200 tokens"
        await world.jump()
        assert (await world.run(run.id)).state is State.SUCCEEDED


async def test_the_budget_is_told_when_a_run_begins(tmp_path: Path) -> None:
    async with open_world(tmp_path, model=FakeModel([say("Done.")])) as world:
        await load(world, "1ktok/run")
        run = await world.play("job")
        told = str(world.messages(run.id)[0].content)
        assert "Budget left: $0.50 and 1,000 tokens for this run, $5.00 for this job today." in told
