"""The verb ``trust explain``: jobs of the crontab, and those that agents made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scheduler import tool
from scheduler.core.actor import PERSON
from scheduler.core.trust import judge as judging
from scheduler.ports.tool import Args, ToolContext
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, with_tools
from tests.unit.cli.conftest import Build, Call

LATER = {"action": "make", "name": "check", "when": "in 2h", "prompt": "Is it green now?"}


async def family(world: World) -> None:
    """A job whose follow-up asks to post a letter, for which a person gives a grant."""

    @tool(name="post", description="Post.", schema={"type": "object"}, reads_private=False)
    async def post(args: Args, context: ToolContext) -> str:
        return "posted"

    world.services = with_tools(world.services, {"post": post})
    world.script("ci", script().call("schedule", **LATER).finish("Later."))
    await world.load(
        '@manual  ci  "Look."  model=rehearsal:ci.jsonl tools=read,schedule budget=1/run,2/day\n'
    )
    await world.play("ci")
    world.script("ci", script().call("post", to="Ada\u00a0L.").finish("Done."))
    await world.jump()
    with world.history() as history:
        (question,) = history.open_approvals()
    await world.store.answer(question.id, world.clock.now(), approve=True, always=True, actor=PERSON)


def test_a_follow_up_is_explained_as_it_may_run_and_its_grants_are_found(call: Call, build: Build) -> None:
    build(family)
    own = call("trust", "explain", "ci").fits().out
    assert "Its follow-up ci/check has grants of its own: agentcron trust explain ci/check" in own
    made = call("trust", "explain", "ci/check").fits()
    assert made.status == 0
    assert "ci/check runs under propose" in made.out
    assert 'post: with exactly to="Ada\\u00a0L."' in made.out, "what cannot be seen is shown"
    assert call("trust", "explain", "ci/other").status == 3
    assert call("trust", "explain", "other/check").status == 3


POLICY = """
[profile.web]
base = "act"

[[profile.web.grant]]
tool = "fetch"
hosts = ["*.example.org"]

[[profile.web.grant]]
tool = "shell"
network = true

[profile.past]
base = "propose"

[[profile.past.grant]]
tool = "fetch"
expires = 2020-01-01
"""


def lines(call: Call, build: Build, trust: str) -> dict[str, str]:
    """Return what is said of each tool of a job under a profile."""

    async def one(world: World) -> None:
        file = world.config.trust
        file.write_text(POLICY)
        file.chmod(0o600)
        await world.load(f'@manual  one  "Look."  trust={trust} tools=read,write,fetch,shell,schedule\n')

    build(one)
    found: dict[str, str] = json.loads(call("trust", "explain", "one", "--json").out)["tools"]
    return found


@pytest.mark.parametrize(
    ("trust", "read", "write", "fetch"),
    [
        (
            "observe",
            "freely: it stays in the workdir",
            "never: it is not a pure tool",
            "never: it is not a pure tool",
        ),
        (
            "propose",
            "freely: it stays in the workdir",
            "freely: it stays in the workdir",
            "only after an approval: the run stops and waits",
        ),
        (
            "act",
            "freely: it stays in the workdir",
            "freely: it stays in the workdir",
            "never: no grant covers it",
        ),
        (
            "web",
            "freely: it stays in the workdir",
            "freely: it stays in the workdir",
            "as granted below; anything else is refused; waits for a person after untrusted input and"
            " private data",
        ),
        (
            "past",
            "freely: it stays in the workdir",
            "freely: it stays in the workdir",
            "only after an approval: the run stops and waits",
        ),
    ],
)
def test_each_tool_is_explained_under_each_profile(
    call: Call, build: Build, trust: str, read: str, write: str, fetch: str
) -> None:
    found = lines(call, build, trust)
    assert (found["read"], found["write"], found["fetch"]) == (read, write, fetch)
    staged = write.replace("it stays in the workdir", "it is written with the result of its call")
    assert found["schedule"] == staged, "a job for later is judged, too"
    for steering in ("sleep", "note", "finish"):
        assert found[steering] == "always: it only affects its own run"
    assert call("trust", "explain", "one").fits().status == 0


def test_what_is_explained_is_what_the_judge_says(
    call: Call, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lines(call, build, "web")
    assert before["write"] == "freely: it stays in the workdir"
    told = judging._judge

    def stricter(tool: Any, *rest: Any) -> judging.Verdict:
        if tool.name == "write":
            return judging.Refuse("sunday", "nothing is written on a Sunday")
        return judging.Ask("paper", "a person signs for it") if tool.name == "fetch" else told(tool, *rest)

    monkeypatch.setattr(judging, "_judge", stricter)
    after: dict[str, str] = json.loads(call("trust", "explain", "one", "--json").out)["tools"]
    assert after["write"] == "never: nothing is written on a Sunday"
    assert after["fetch"] == "only after an approval: the run stops and waits"
    assert after["read"] == before["read"]
