"""FLEET_BUDGET: one cap for all jobs of a crontab together, on a day of UTC."""

from __future__ import annotations

from pathlib import Path

from scheduler.app.crontab import crontab_file
from scheduler.core.run.run import State
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, open_world

JOBS = """\
@manual  one  "One."  model=rehearsal:work.jsonl tz=Europe/Berlin
@manual  two  "Two."  model=rehearsal:work.jsonl tz=Asia/Tokyo
"""


async def fleet(world: World, line: str) -> None:
    """Two jobs under a cap for both; each of their two answers costs ten cents."""
    world.script("work", script().note("one").finish("Done."))
    await world.load(f"{line}\n{JOBS}")


async def test_all_jobs_together_stop_at_the_cap_and_continue_the_next_day(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        await fleet(world, "FLEET_BUDGET = 0.30/day")
        assert (await world.play("one")).state is State.SUCCEEDED
        run = await world.play("two")
        assert (run.state, run.reason_code) == (State.PARKED, "budget-fleet")
        assert run.reason == "all jobs have spent $0.30 of today's $0.30"

        await world.jump()
        assert f"{world.clock.now():%d %H:%M}" == "24 00:00"
        assert (await world.run(run.id)).state is State.SUCCEEDED


async def test_a_raised_cap_lets_the_run_continue(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        await fleet(world, "FLEET_BUDGET = 0.30/day")
        await world.play("one")
        run = await world.play("two")
        await fleet(world, "FLEET_BUDGET = 0.50/day")
        assert (await world.resume(run.id)).state is State.SUCCEEDED


async def test_a_cap_that_cannot_be_read_is_an_error_and_the_old_one_holds(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        await fleet(world, "FLEET_BUDGET = 0.30/day")
        world.config.crontab.write_text(f"FLEET_BUDGET = plenty/day\n{JOBS}")
        orders = crontab_file(world.config).read(world.clock.now())
        assert any("FLEET_BUDGET" in problem for problem in orders.problems)
        await world.store.load_orders(orders, world.clock.now())
        await world.play("one")
        assert (await world.play("two")).reason_code == "budget-fleet"


async def test_without_the_line_there_is_no_cap(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        await fleet(world, "FLEET_BUDGET = 0.10/day")
        await fleet(world, "")
        assert (await world.play("one")).state is State.SUCCEEDED
        assert (await world.play("two")).state is State.SUCCEEDED
