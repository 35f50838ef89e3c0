"""The breaker: three times the same call with the same result, and the run waits for a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scheduler.core.run.run import State
from scheduler.ports.tool import Args, ToolAnswer
from tests.kit.models import call, finish
from tests.kit.stage import Recorder, stage

LOOK = call(("look", {"at": "the same"}))
OTHER = call(("look", {"at": "something else"}))


async def test_the_same_call_with_the_same_result_three_times_parks_the_run(tmp_path: Path) -> None:
    async with stage(tmp_path, *[LOOK] * 9, recorders=(look := Recorder(),)) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.PARKED, "no-progress")
        assert run.reason == "3 times in a row it called look with the same arguments and result"
        assert len(look.calls) == 3

        run = await s.resume(run.id, "Try something else.")
        assert (run.state, run.reason_code) == (State.PARKED, "no-progress")
        assert len(look.calls) == 6, "a person's word begins a new row"


async def test_a_result_that_changes_is_progress(tmp_path: Path) -> None:
    count = 0

    async def counted(_: Args) -> ToolAnswer:
        nonlocal count
        count += 1
        return f"{count // 2} of them"

    look = Recorder(then=counted)
    async with stage(tmp_path, *[LOOK] * 5, finish("Seen."), recorders=(look,)) as s:
        assert (await s.play()).summary == "Seen."


async def test_another_call_in_between_is_progress(tmp_path: Path) -> None:
    lines: list[Any] = [LOOK, LOOK, OTHER, LOOK, LOOK, OTHER]
    async with stage(tmp_path, *lines, finish("Seen."), recorders=(Recorder(),)) as s:
        assert (await s.play()).summary == "Seen."
