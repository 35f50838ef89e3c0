"""Budgets: caps on the cost of a run, and of all runs of a job on one day, in money and in tokens.

A budget is checked before each request.  When it is used up the run is *parked*, not failed: nothing is lost,
and it continues on a new day or when a person resumes it.  A request in flight cannot be stopped, so a run
may overdraw by one request, but no more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from scheduler import tool
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.actor import PERSON
from scheduler.core.run.run import State
from scheduler.ports.tool import Args, ToolContext
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, open_world


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


async def test_a_person_may_give_it_more_and_it_continues_where_it_was(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        world.script("work", script().note("one").note("two").finish("Done."))
        await world.load(job("budget=0.20/run"))
        run = await world.play("work")

        await world.store.raise_budget(run.id, world.clock.now(), {"run_microusd": 1_000_000}, actor=PERSON)
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
        await world.load(job("max-steps=2"))

        run = await world.play("work")

        assert run.state is State.FAILED
        assert run.reason == "the attempt has made 2 steps: max-steps=2"


async def test_all_jobs_together_may_have_a_cap_as_well(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        world.script("work", script().note("one").finish("Done."))
        await world.load("FLEET_BUDGET = 0.30/day\n" + job(""))
        await world.play("work")  # costs 20 cents of the 30

        run = await world.play("work")

        assert run.state is State.PARKED
        assert run.reason == "all jobs have spent $0.30 of today's $0.30"


async def test_tokens_may_be_capped_in_addition_to_money(tmp_path: Path) -> None:
    async with open_world(tmp_path, tokens=60_000) as world:
        world.script("work", script().note("one").note("two").note("three").finish("Done."))
        await world.load(job('budget="0.50/run 100ktok/run"'))

        run = await world.play("work")

        assert run.state is State.PARKED
        assert run.reason == "the run has spent 120,000 of its 100,000 tokens"

        await world.store.raise_budget(run.id, world.clock.now(), {"run_tokens": 300_000}, actor=PERSON)
        run = await world.resume(run.id)

        assert run.state is State.SUCCEEDED


async def test_what_was_spent_can_be_summed_up(tmp_path: Path) -> None:
    async with open_world(tmp_path, price_usd=0.10) as world:
        world.script("work", script().note("one").finish("Done."))
        await world.load(job(""))
        began = world.clock.now()
        await world.play("work")

        with SqliteDatabase(world.config.database).history() as history:
            spent = history.spending(began)

        assert [(part.job, part.requests, part.microusd) for part in spent] == [("work", 2, 200_000)]


LETTER = """\
default = "post"
[profile.post]
base = "act"
[[profile.post.grant]]
tool = "post"
"""


@asynccontextmanager
async def post_office(folder: Path, budget: str) -> AsyncIterator[tuple[World, list[Args]]]:
    """A job that may post letters, and the letters that left; each run posts two and writes a file."""
    posted: list[Args] = []

    @tool(name="post", description="Post.", schema={"type": "object"}, reads_private=False)
    async def post(args: Args, context: ToolContext) -> str:
        posted.append(args)
        return "posted"

    (folder / "trust.toml").write_text(LETTER)
    async with open_world(folder, tools={"post": post}) as world:
        play = (
            script()
            .call("post", to="Ada")
            .call("write", file_path="a.md", content="x")
            .call("post", to="Bob")
        )
        world.script("work", play.finish("Done."))
        await world.load(job(f'budget="{budget}"'))
        yield world, posted


async def test_a_job_acts_outside_so_often_a_day_and_continues_with_the_next(tmp_path: Path) -> None:
    async with post_office(tmp_path, "3effects/day") as (world, posted):
        first = await world.play("work")
        second = await world.play("work")

        assert first.state is State.SUCCEEDED
        assert (second.state, second.reason_code) == (State.PARKED, "effects-day")
        assert second.reason == "the job has acted outside its workdir 3 of 3 times today"
        assert posted == [{"to": "Ada"}, {"to": "Bob"}, {"to": "Ada"}]

        await world.jump()  # midnight
        assert (await world.run(second.id)).state is State.SUCCEEDED
        assert posted[3:] == [{"to": "Bob"}], "and nothing was posted twice"


async def test_a_person_lets_it_act_more_often_today(tmp_path: Path) -> None:
    async with post_office(tmp_path, "1effect/day") as (world, posted):
        run = await world.play("work")
        assert run.state is State.PARKED

        await world.store.raise_budget(run.id, world.clock.now(), {"day_effects": 2}, actor=PERSON)
        assert (await world.resume(run.id)).state is State.SUCCEEDED
        assert posted == [{"to": "Ada"}, {"to": "Bob"}]


async def test_what_two_runs_do_at_once_is_counted_together(tmp_path: Path) -> None:
    async with post_office(tmp_path, "3effects/day") as (world, posted):
        await world.load(job('budget="3effects/day" overlap=allow'))
        runs = [await world.fire("work") for _ in range(3)]
        await world.settle()
        states = [(await world.run(run_id)).state for run_id in runs]
        assert len(posted) == 3
        assert State.PARKED in states


async def test_a_job_that_is_woken_too_often_waits_for_the_hour_to_pass(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        nap = script()
        for number in range(4):
            nap = nap.sleep("10m", f"nap {number}")
        world.script("work", nap.finish("Rested."))
        await world.load(job("budget=2wakes/hour"))
        run = await world.play("work")
        start, asks = world.clock.now(), world.model.asks
        await world.jump()
        await world.jump()
        assert len(asks) == 3, "one to begin, and one for each wake-up"

        await world.jump()
        run = await world.run(run.id)
        assert (run.state, run.reason_code) == (State.RETRYING, "wakes-hour")
        assert run.reason == "the job was woken more often than 2 an hour"
        assert len(asks) == 3, "it cost nothing"

        await world.jump()
        assert world.clock.now() - start == timedelta(minutes=70), "an hour after the first of the two"
        assert len(asks) == 4
        assert "You are awake" in str(asks[-1].messages[-1]), "it is told of its sleep, late as it is"


async def test_a_person_wakes_a_run_as_often_as_they_like(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("work", script().sleep("10m", "a").sleep("10m", "b").finish("Rested."))
        await world.load(job("budget=1wake/hour"))
        run = await world.play("work")
        await world.jump()
        await world.jump()
        assert (await world.run(run.id)).state is State.RETRYING
        assert (await world.resume(run.id)).state is State.SUCCEEDED
