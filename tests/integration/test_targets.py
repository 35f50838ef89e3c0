"""What a call reaches, as its tool says, is what its grant is compared with and what the call is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.run.conversation import CallState
from scheduler.core.trust.grant import Grant
from scheduler.core.trust.policy import BUILT_IN, Profile
from scheduler.core.trust.targets import Targets
from scheduler.ports.tool import Args
from tests.kit.models import call
from tests.kit.stage import Recorder, Stage, stage

pytestmark = pytest.mark.anyio

BOTH = {"from": "a.example.org", "to": "b.example.org"}


def two_hosts(args: Args) -> Targets:
    return Targets(hosts=(args["from"], args["to"]))


def under(s: Stage, profile: Profile) -> None:
    object.__setattr__(s.world.services, "profile_for", lambda _: profile)


def granting(*hosts: str) -> Profile:
    return Profile("mine", "act", (Grant(tool="copy", hosts=hosts),))


@pytest.mark.parametrize(
    "hosts, state", [(("*.example.org",), CallState.DONE), (("a.example.org",), CallState.FAILED)]
)
async def test_each_host_that_a_call_reaches_must_be_granted(
    tmp_path: Path, hosts: tuple[str, ...], state: CallState
) -> None:
    copy = Recorder(name="copy", effect="opaque", external=True, targets=two_hosts)
    async with stage(tmp_path, call(("copy", BOTH)), recorders=(copy,)) as s:
        under(s, granting(*hosts))
        run = await s.play()
        [journal] = [each for each in s.calls(run.id) if each.name == "copy"]
        assert journal.state is state
        assert [context.hosts for context in copy.contexts] == [hosts] * (state is CallState.DONE)


def fails(_: Args) -> Targets:
    raise KeyError("to")


def returns_a_text(args: Args) -> Targets:
    text: Targets = args["to"]
    return text


@pytest.mark.parametrize("targets", [fails, returns_a_text])
async def test_a_tool_that_cannot_say_what_it_reaches_is_covered_by_no_grant_with_hosts(
    tmp_path: Path, targets: Callable[[Args], Targets]
) -> None:
    copy = Recorder(name="copy", effect="opaque", external=True, targets=targets)
    async with stage(tmp_path, call(("copy", BOTH)), recorders=(copy,)) as s:
        under(s, granting("*.example.org"))
        run = await s.play()
        [journal] = [each for each in s.calls(run.id) if each.name == "copy"]
        assert (journal.state, journal.rule, copy.calls) == (CallState.FAILED, "no-grant", [])


async def test_an_approved_call_may_reach_what_it_names(tmp_path: Path) -> None:
    copy = Recorder(name="copy", effect="opaque", external=True, targets=two_hosts)
    async with stage(tmp_path, call(("copy", BOTH)), recorders=(copy,)) as s:
        under(s, BUILT_IN["propose"])
        await s.play()
        with s.world.history() as history:
            [question] = history.open_approvals()
        await s.world.store.answer(question.id, s.world.clock.now(), approve=True, actor=PERSON)
        await s.world.settle()
        assert [context.hosts for context in copy.contexts] == [("a.example.org", "b.example.org")]
