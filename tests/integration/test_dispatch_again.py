"""Calls in doubt, or that were planned as something else: nothing acts under a rule of the past."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import State
from scheduler.core.trust.effect import Effect
from scheduler.core.trust.policy import BUILT_IN, Profile
from scheduler.testing.world import with_tools
from tests.kit.models import call
from tests.kit.stage import Recorder, Stage, hang, stage

pytestmark = pytest.mark.anyio


def replace_in(s: Stage, part: str, other: Any) -> None:
    """Give the kit another part, as an edit of a file or an upgrade does while a run rests."""
    object.__setattr__(s.world.services, part, other)


def under(s: Stage, profile: Profile) -> None:
    """Put the job under another profile."""
    replace_in(s, "profile_for", lambda _: profile)


@pytest.mark.parametrize("effect", ["keyed", "probe"])
async def test_a_call_that_was_interrupted_is_judged_once_more(tmp_path: Path, effect: Effect) -> None:
    probed: list[str] = []

    async def probe(*_: Any) -> Any:
        probed.append("looked")
        return "did_not_happen"

    look = Recorder(effect=effect, then=hang, probe=probe)
    async with stage(tmp_path, call(("look", {})), recorders=(look,)) as s:
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        await look.begun.wait()
        await underway.kill()
        under(s, BUILT_IN["observe"])
        look.then = None
        await s.world.take_over()
        [journal] = [each for each in s.calls(run_id) if each.name == "look"]
        assert (journal.state, len(look.calls), probed) == (CallState.UNKNOWN, 1, [])


async def test_a_begun_call_whose_arguments_its_tool_does_not_take_any_more_is_unknown(
    tmp_path: Path,
) -> None:
    look = Recorder(effect="keyed", then=hang)
    stricter = Recorder(effect="keyed", schema={"type": "object", "required": ["path"]})
    async with stage(tmp_path, call(("look", {})), recorders=(look,)) as s:
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        await look.begun.wait()
        await underway.kill()
        s.world.services = with_tools(s.world.services, {"look": stricter.made()})
        await s.world.take_over()
        [journal] = [each for each in s.calls(run_id) if each.name == "look"]
        assert (journal.state, stricter.calls) == (CallState.UNKNOWN, [])
        assert "its tool has changed since" in str(journal.result)


async def test_a_tool_that_came_later_does_not_act_for_a_call_from_before(tmp_path: Path) -> None:
    late = Recorder(name="late", effect="opaque")
    async with stage(tmp_path, call(("late", {}))) as s:
        run = await s.play()
        assert run.state is State.SUCCEEDED
        [journal] = [each for each in s.calls(run.id) if each.name == "late"]
        assert (journal.rule, journal.started_at) == ("no-tool", None), "it never counted as begun"
        assert late.calls == []


async def test_a_tool_that_changed_while_a_person_thought_is_asked_for_again(tmp_path: Path) -> None:
    look = Recorder(effect="pure", external=True)
    changed = Recorder(effect="opaque", external=True)
    async with stage(tmp_path, call(("look", {})), recorders=(look,)) as s:
        run = await s.play()
        with s.world.history() as history:
            [question] = history.open_approvals()
        s.world.services = with_tools(s.world.services, {"look": changed.made()})
        await s.world.store.answer(question.id, s.world.clock.now(), approve=True, actor=PERSON)
        await s.world.settle()
        [journal] = [each for each in s.calls(run.id) if each.name == "look"]
        assert (journal.rule, look.calls, changed.calls) == ("tool-changed", [], [])
