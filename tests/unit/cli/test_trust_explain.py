"""The verb ``trust explain``: jobs of the crontab, and those that agents made."""

from __future__ import annotations

from dataclasses import replace

from scheduler import tool
from scheduler.app.compose import job_tools
from scheduler.ports.tool import Args, ToolContext
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World
from tests.unit.cli.conftest import Build, Call

LATER = {"action": "make", "name": "check", "when": "in 2h", "prompt": "Is it green now?"}


async def family(world: World) -> None:
    """A job whose follow-up asks to post a letter, for which a person gives a grant."""

    @tool(name="post", description="Post.", schema={"type": "object"}, reads_private=False)
    async def post(args: Args, context: ToolContext) -> str:
        return "posted"

    world.kit = replace(world.kit, tools_for=lambda job: {**job_tools(job), "post": post})
    world.script("ci", script().call("schedule", **LATER).finish("Later."))
    await world.load(
        '@manual  ci  "Look."  model=rehearsal:ci.jsonl tools=read,schedule budget=1/run,2/day\n'
    )
    await world.play("ci")
    world.script("ci", script().call("post", to="Ada\u00a0L.").finish("Done."))
    await world.jump()
    with world.history() as history:
        (question,) = history.open_approvals()
    await world.store.answer(question.id, world.clock.now(), approve=True, always=True)


def test_a_follow_up_is_explained_as_it_may_run_and_its_grants_are_found(call: Call, build: Build) -> None:
    build(family)
    own = call("trust", "explain", "ci").fits().out
    assert "There are grants of its follow-up ci/check: agentcron trust explain ci/check" in own
    made = call("trust", "explain", "ci/check").fits()
    assert made.status == 0
    assert "ci/check runs under propose" in made.out
    assert 'post: with exactly to="Ada\\u00a0L."' in made.out, "what cannot be seen is shown"
    assert call("trust", "explain", "ci/other").status == 3
    assert call("trust", "explain", "other/check").status == 3
