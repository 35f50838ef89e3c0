"""Budgets: how much a run, and all runs of a job on one day, may cost, in money and in tokens.

A budget is asked before each request.  When it is used up the run is *parked*, not failed: nothing is lost,
and a new day or a person lets it go on.  A request that is on its way cannot be stopped, so a run may
overdraw by one request and no more.
"""

from __future__ import annotations

from pathlib import Path

from scheduler.adapters.sql.glance import Glance
from scheduler.core.run import State
from scheduler.testing.rehearsal import script
from scheduler.testing.world import open_world


def job(options: str) -> str:
    """One job in UTC; every answer of its model costs ten cents in these tests."""
    return f'@manual  work  "Do it."  model=rehearsal:work.jsonl tz=UTC {options}'


async def test_a_run_knows_what_it_has_cost(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        world.script("work", script().note("one").note("two").finish("Done."))
        await world.load(job("budget=1/run"))

        run = await world.play("work")

        assert run.cost_microusd == 300_000  # three answers, in millionths of a dollar


async def test_a_run_that_has_spent_its_budget_is_parked(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        world.script("work", script().note("one").note("two").note("three").finish("Done."))
        await world.load(job("budget=0.20/run"))

        run = await world.play("work")

        assert run.state is State.PARKED
        assert run.reason == "the run has spent $0.20 of its $0.20"


async def test_a_person_may_give_it_more_and_it_goes_on_where_it_was(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        world.script("work", script().note("one").note("two").finish("Done."))
        await world.load(job("budget=0.20/run"))
        run = await world.play("work")

        await world.store.raise_budget(run.id, 1_000_000)
        run = await world.resume(run.id)

        assert run.state is State.SUCCEEDED


async def test_a_run_overdraws_by_one_request_at_most(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.15) as world:
        world.script("work", script().note("one").note("two").note("three").finish("Done."))
        await world.load(job("budget=0.20/run"))

        run = await world.play("work")

        assert run.cost_microusd == 300_000


async def test_the_day_has_a_budget_too_and_the_next_day_has_its_own(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        world.script("work", script().note("one").finish("Done."))
        await world.load(job("budget=0.30/run,0.30/day"))
        await world.play("work")  # costs 20 cents of the 30

        run = await world.play("work")
        assert run.state is State.PARKED
        assert run.reason == "the job has spent $0.30 of today's $0.30"

        await world.jump()  # to midnight
        assert f"{world.clock.now():%d %H:%M}" == "24 00:00"
        assert (await world.run(run.id)).state is State.SUCCEEDED


async def test_the_agent_is_told_what_is_left(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        world.script("work", script().sleep("in 1h").note("Careful now.").finish("Done."))
        await world.load(job("budget=0.50/run,2/day"))
        run = await world.play("work")

        await world.jump()

        answer = world.messages(run.id)[2].content[0]["content"]
        assert "Budget left: $0.40 for this run, $1.90 for this job today." in answer


async def test_steps_are_limited_as_well(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        play = script()
        for _ in range(20):
            play.note("Still at it.")
        world.script("work", play)
        await world.load(job("max-steps=6"))

        run = await world.play("work")

        assert run.state is State.FAILED
        assert run.reason == "the attempt has made 6 steps, its limit"


async def test_all_jobs_together_may_have_a_cap_as_well(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        world.script("work", script().note("one").finish("Done."))
        await world.load("FLEET_BUDGET = 0.30/day\n" + job(""))
        await world.play("work")  # costs 20 cents of the 30

        run = await world.play("work")

        assert run.state is State.PARKED
        assert run.reason == "all jobs have spent $0.30 of today's $0.30"


async def test_tokens_may_be_capped_beside_money(tmp_path: Path) -> None:
    async with open_world(tmp_path, tokens=60_000) as world:
        world.script("work", script().note("one").note("two").note("three").finish("Done."))
        await world.load(job('budget="0.50/run 100ktok/run"'))

        run = await world.play("work")

        assert run.state is State.PARKED
        assert run.reason == "the run has spent 120,000 of its 100,000 tokens"

        await world.store.raise_budget(run.id, run_tokens=300_000)
        run = await world.resume(run.id)

        assert run.state is State.SUCCEEDED


async def test_what_was_spent_can_be_summed_up(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        world.script("work", script().note("one").finish("Done."))
        await world.load(job(""))
        began = world.clock.now()
        await world.play("work")

        with Glance.open(world.config.database) as glance:
            spent = glance.spending(began)

        assert [(part.job, part.requests, part.microusd) for part in spent] == [("work", 2, 200_000)]
