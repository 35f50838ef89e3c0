"""Ids of calls that come twice: nothing is run that cannot be told apart, and nothing is asked for ever."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheduler.core.run.conversation import Block
from scheduler.core.run.run import State
from tests.kit.models import Said, call
from tests.kit.stage import Recorder, stage


@dataclass(frozen=True)
class Again(Said):
    """An answer whose calls have the ids of the first answer."""

    def blocks(self, number: int) -> tuple[Block, ...]:
        return super().blocks(min(1, number))


NOTE: Any = ("note", {"text": "n"})


async def test_a_gateway_that_numbers_the_calls_of_each_answer_again_is_parked(tmp_path: Path) -> None:
    look = Recorder()
    async with stage(tmp_path, call(NOTE), Again("", (("look", {}),), "tool_use"), recorders=(look,)) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.PARKED, "unknown-answer")
        assert "two calls have the id toolu_1_1" in run.reason
        assert s.model.requests == 2
        assert look.calls == []


async def test_an_id_that_came_long_ago_fails_the_run_and_is_not_asked_for_again(tmp_path: Path) -> None:
    look = Recorder()
    lines = (call(NOTE), call(NOTE), Again("", (("look", {}),), "tool_use"))
    async with stage(tmp_path, *lines, recorders=(look,)) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.FAILED, "internal")
        assert s.model.requests == 3
        assert [each.state for each in s.requests(run.id)] == ["answered", "answered", "lost"]
        assert look.calls == []
        assert (await s.resume(run.id)).state is State.SUCCEEDED
