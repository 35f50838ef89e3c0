"""Crashes: a process may die at any moment, and the run continues from its last step.

Every step of an agent is one commit on the disk: each answer of the model, each start and each result of a
tool call.  After ``kill -9`` another process waits until the *lease* of the dead one has run out (30 seconds;
on the same machine it does not wait) and continues the run.  A paid request is not paid again.

What is unknown after a crash is whether a tool call that had *started* took effect.  So each tool
declares its *effect class*, which decides what happens.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from scheduler import tool
from scheduler.core.run.run import State
from scheduler.ports.tool import Args, ToolContext
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, open_world
from scheduler.toolkit import FunctionTool

JOB = '@manual  work  "Do it."  model=rehearsal:work.jsonl'


class Postman:
    """Deliver letters; the first one takes forever, so that a test can kill the process meanwhile."""

    def __init__(self) -> None:
        self.delivered: list[str] = []
        self.under_way = asyncio.Event()

    def tool(self, effect: str) -> FunctionTool:
        """Return a tool of one effect class that delivers letters."""

        @tool(
            name="post",
            description="Deliver a letter.",
            schema={"type": "object"},
            effect=effect,
            external=False,  # the letter box is in the workdir: no grant is needed
        )
        async def post(args: Args, context: ToolContext) -> str:
            self.delivered.append(context.key)
            if len(self.delivered) == 1:
                self.under_way.set()
                await asyncio.Event().wait()
            return "delivered"

        return post


async def crash_while_posting(world: World, postman: Postman) -> str:
    """Fire the job, and kill its process while a letter is under way."""
    world.script("work", script().call("post", to="Ada").finish("Done."))
    await world.load(JOB)
    run_id = await world.fire("work")
    (process,) = await world.begin()
    await postman.under_way.wait()
    await process.kill()
    return run_id


async def test_a_run_survives_the_process_that_worked_on_it(tmp_path: Path) -> None:
    postman = Postman()
    async with open_world(tmp_path, tools={"post": postman.tool("keyed")}) as world:
        run_id = await crash_while_posting(world, postman)
        assert (await world.run(run_id)).state is State.RUNNING  # no process could record anything else

        await world.take_over()

        assert (await world.run(run_id)).state is State.SUCCEEDED


async def test_an_answer_that_was_paid_for_is_not_asked_for_again(tmp_path: Path) -> None:
    postman = Postman()
    async with open_world(tmp_path, tools={"post": postman.tool("keyed")}) as world:
        await crash_while_posting(world, postman)
        assert len(world.model.asks) == 1

        await world.take_over()

        assert len(world.model.asks) == 2  # the one before the crash, and the next one


async def test_a_pure_call_is_simply_made_again(tmp_path: Path) -> None:
    postman = Postman()
    async with open_world(tmp_path, tools={"post": postman.tool("pure")}) as world:
        await crash_while_posting(world, postman)

        await world.take_over()

        assert len(postman.delivered) == 2


async def test_a_keyed_call_is_made_again_with_the_same_key(tmp_path: Path) -> None:
    postman = Postman()
    async with open_world(tmp_path, tools={"post": postman.tool("keyed")}) as world:
        await crash_while_posting(world, postman)

        await world.take_over()

        first, second = postman.delivered
        assert first == second  # so that the post office can recognise the same letter


async def test_an_opaque_call_is_never_made_again_and_the_agent_is_told(tmp_path: Path) -> None:
    postman = Postman()
    async with open_world(tmp_path, tools={"post": postman.tool("opaque")}) as world:
        run_id = await crash_while_posting(world, postman)

        await world.take_over()

        assert len(postman.delivered) == 1
        answer = world.messages(run_id)[2].content[0]
        assert answer["is_error"] is True
        assert "Its outcome is unknown" in answer["content"]
        assert (await world.run(run_id)).state is State.SUCCEEDED  # the agent decided how to continue


async def test_a_sleeper_does_not_notice_that_the_machine_was_restarted(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("work", script().sleep("in 3 days").finish("Slept well."))
        await world.load(JOB)
        run = await world.play("work")
        clock = world.clock

    async with open_world(tmp_path, clock=clock) as world:  # another process, the same folder
        await world.jump()

        assert (await world.run(run.id)).summary == "Slept well."
