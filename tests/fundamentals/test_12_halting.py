"""Halting: one file stops everything that could have an effect or cost money, and nothing is lost.

``agentcron halt`` creates it, and so does ``touch HALT``.  It is checked right before every claim, request,
call, gate and report, in every process of the home; ``agentcron unhalt`` removes it.
"""

from __future__ import annotations

from pathlib import Path

from scheduler.core.run.run import State
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, open_world


async def sleeper(world: World) -> str:
    """A run that sleeps for an hour."""
    world.script("nap", script().sleep("1h", "a nap").finish("Rested."))
    await world.load('@manual  nap  "Take a nap."  model=rehearsal:nap.jsonl')
    return (await world.play("nap")).id


async def test_an_empty_file_is_enough(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        run_id = await sleeper(world)
        (world.config.home / "HALT").touch()

        world.clock.advance(2 * 3600)
        await world.settle()

        assert (await world.run(run_id)).state is State.SLEEPING  # its time has passed, and it still sleeps


async def test_after_the_halt_all_continues_where_it_was(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        run_id = await sleeper(world)
        (world.config.home / "HALT").touch()
        world.clock.advance(2 * 3600)
        await world.settle()

        (world.config.home / "HALT").unlink()
        await world.settle()

        run = await world.run(run_id)
        assert (run.state, run.summary, run.attempts) == (State.SUCCEEDED, "Rested.", 1)


async def test_what_a_person_fires_waits_too(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await sleeper(world)
        (world.config.home / "HALT").touch()
        asked = len(world.model.asks)

        run = await world.play("nap")

        assert run.state is State.QUEUED
        assert len(world.model.asks) == asked
