"""Tools: what an agent may do.

Every job has ``sleep``, ``note`` and ``finish``; without them it could neither wait nor end.  There are
tools for the files of the job's own folder, and tools of your own: an async function with a
declaration of its effects.
"""

from __future__ import annotations

from pathlib import Path

from scheduler import tool
from scheduler.core.run.run import State
from scheduler.errors import ToolFault
from scheduler.ports.tool import Args, ToolContext
from scheduler.testing.rehearsal import script
from scheduler.testing.world import open_world

JOB = '@manual  work  "Do it."  model=rehearsal:work.jsonl'


@tool(
    name="temperature",
    description="Tell the temperature of a city in degrees Celsius.",
    schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    effect="pure",  # it only reads: after a crash it may be called again
    reads_private=False,
    reads_untrusted=False,
    external=False,
)
async def temperature(args: Args, context: ToolContext) -> str:
    """A tool of our own: it gets its arguments and its context, and returns the result for the agent."""
    known = {"Oslo": "-3", "Rome": "14"}
    if args["city"] not in known:
        raise ToolFault(f"no thermometer in {args['city']}", help="there is one in Oslo and in Rome")
    return f"{known[args['city']]} degrees"


async def test_an_agent_reads_and_writes_files_in_its_own_folder(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        play = script().call("write", file_path="diary.md", content="A quiet day.\n")
        world.script("work", play.call("read", file_path="diary.md").finish("Written."))
        await world.load(JOB)

        run = await world.play("work")

        assert (world.workdir / "work" / "diary.md").read_text() == "A quiet day.\n"
        assert "A quiet day." in world.messages(run.id)[4].content[0]["content"]


async def test_and_nowhere_else(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.script("work", script().call("read", file_path="../../crontab").finish("Could not."))
        await world.load(JOB)

        run = await world.play("work")

        answer = world.messages(run.id)[2].content[0]
        assert answer["is_error"] is True
        assert "outside the job's working directory" in answer["content"]


async def test_a_tool_of_your_own_is_a_function_with_a_declaration(tmp_path: Path) -> None:
    async with open_world(tmp_path, tools={"temperature": temperature}) as world:
        world.script("work", script().call("temperature", city="Oslo").finish("It is cold."))
        await world.load(JOB)

        run = await world.play("work")

        assert world.messages(run.id)[2].content[0]["content"] == "-3 degrees"
        assert run.state is State.SUCCEEDED


async def test_what_a_tool_refuses_is_told_to_the_agent(tmp_path: Path) -> None:
    async with open_world(tmp_path, tools={"temperature": temperature}) as world:
        play = script().call("temperature", city="Atlantis").call("temperature", city="Rome")
        world.script("work", play.finish("14 degrees in Rome."))
        await world.load(JOB)

        run = await world.play("work")

        refused, answered = world.messages(run.id)[2], world.messages(run.id)[4]
        assert refused.content[0]["is_error"] is True
        assert "there is one in Oslo and in Rome" in refused.content[0]["content"]
        assert answered.content[0]["content"] == "14 degrees"


async def test_wrong_arguments_never_reach_your_function(tmp_path: Path) -> None:
    async with open_world(tmp_path, tools={"temperature": temperature}) as world:
        world.script("work", script().call("temperature", town="Oslo").finish("Hm."))
        await world.load(JOB)

        run = await world.play("work")

        assert world.messages(run.id)[2].content[0]["content"] == "temperature: city is missing"


async def test_several_calls_of_one_message_are_answered_together(tmp_path: Path) -> None:
    async with open_world(tmp_path, tools={"temperature": temperature}) as world:
        play = script().call("temperature", city="Oslo").also("temperature", city="Rome")
        world.script("work", play.finish("17 degrees apart."))
        await world.load(JOB)

        run = await world.play("work")

        contents = [block["content"] for block in world.messages(run.id)[2].content]
        assert contents == ["-3 degrees", "14 degrees"]


def test_a_tool_that_declares_nothing_is_taken_for_the_worst() -> None:
    @tool(name="mystery", description="Who knows.", schema={"type": "object"})
    async def mystery(args: Args, context: ToolContext) -> str:
        return "?"

    assert mystery.spec.effect == "opaque"  # never repeated after a crash
    assert mystery.spec.reads_private
    assert mystery.spec.reads_untrusted
    assert mystery.spec.external
