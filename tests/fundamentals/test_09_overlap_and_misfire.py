"""Overlap and misfire: a job comes due while its last run is not over, or while no daemon was running.

Nothing is lost silently: every slot of a schedule becomes a run or a *skipped* row with its reason.
"""

from __future__ import annotations

from pathlib import Path

from scheduler.core.actor import PERSON
from scheduler.core.run.run import State
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, open_world

HOUR = 3600.0


async def hourly(world: World, options: str) -> None:
    """Load a job that fires every hour, and whose agent sleeps for ninety minutes in the middle."""
    world.script("work", script().sleep("in 90m").finish("Done."))
    await world.load(f'0 * * * *  work  "Do it."  model=rehearsal:work.jsonl tz=UTC {options}')


async def pass_hours(world: World, hours: int) -> None:
    """Let hours pass, and run what is due every half hour."""
    for _ in range(2 * hours):
        world.clock.advance(HOUR / 2)
        await world.settle()


def story(world: World) -> list[str]:
    """Return what happened at each slot, in a few words."""
    return [f"{run.fire_time:%H:%M} {run.state} {run.reason_code}".strip() for run in world.runs()]


async def test_a_fire_while_the_last_run_lives_is_skipped(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:  # 09:00
        await hourly(world, "overlap=skip")

        await pass_hours(world, 3)

        assert story(world) == ["10:00 succeeded", "11:00 skipped overlap", "12:00 sleeping"]


async def test_or_it_waits_for_its_turn(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await hourly(world, "overlap=queue")

        await pass_hours(world, 3)

        assert story(world) == ["10:00 succeeded", "11:00 sleeping", "12:00 queued"]


async def test_or_it_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await hourly(world, "overlap=replace")

        await pass_hours(world, 3)

        assert story(world) == ["10:00 cancelled cancelled", "11:00 cancelled cancelled", "12:00 sleeping"]


async def test_or_both_run(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await hourly(world, "overlap=allow")

        await pass_hours(world, 3)

        assert story(world) == ["10:00 succeeded", "11:00 sleeping", "12:00 sleeping"]


async def test_what_was_missed_while_the_machine_was_off_becomes_one_run(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await hourly(world, "catchup=latest window=6h")

        world.clock.advance(4.5 * HOUR)
        await world.settle()

        (run,) = world.runs()
        assert f"{run.fire_time:%H:%M}" == "13:00"
        assert run.missed == 3  # it also covers 10:00, 11:00 and 12:00


async def test_and_its_agent_is_told(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await hourly(world, "catchup=latest window=6h")
        world.clock.advance(4.5 * HOUR)
        await world.settle()

        (run,) = world.runs()
        facts = world.messages(run.id)[0].content[1]["text"]

        assert "It was planned for 2026-11-23T13:00:00+00:00 (UTC)." in facts
        assert "It starts 30m late." in facts
        assert "It also covers 3 earlier missed fires." in facts


async def test_or_each_missed_slot_is_made_up_for(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await hourly(world, "catchup=all window=6h overlap=allow")

        world.clock.advance(4.5 * HOUR)
        await world.settle()

        assert story(world) == [f"{hour}:00 sleeping" for hour in (10, 11, 12, 13)]


async def test_or_none(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await hourly(world, "catchup=skip")

        world.clock.advance(4.5 * HOUR)
        await world.settle()

        (run,) = world.runs()
        assert (run.state, run.reason_code) == (State.SKIPPED, "misfire")


async def test_what_is_older_than_the_window_is_never_fired(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await hourly(world, "window=2h")

        world.clock.advance(48 * HOUR + 600)
        await world.settle()

        too_old, caught_up = world.runs()
        assert (too_old.state, too_old.reason_code) == (State.SKIPPED, "misfire")
        assert caught_up.state is State.SLEEPING


async def test_a_paused_job_is_skipped_and_nothing_is_made_up_for_afterwards(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await hourly(world, "")
        await world.store.pause("work", "by a person", world.clock.now(), actor=PERSON)

        await pass_hours(world, 2)

        assert story(world) == ["10:00 skipped paused", "11:00 skipped paused"]


async def test_a_job_that_keeps_failing_pauses_itself(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("work", script().finish("It is broken.", outcome="failed"))
        await world.load('0 * * * *  work  "Do it."  model=rehearsal:work.jsonl pause-after=2')

        await pass_hours(world, 4)

        assert [run.state for run in world.runs()] == [State.FAILED] * 2 + [State.SKIPPED] * 2
        (standing,) = await world.store.standings()
        assert standing.paused_reason == "2 failures in a row"
