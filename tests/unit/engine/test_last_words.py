"""Last words: an empty answer is no success, and a text that is cut off again and again ends the loop."""

from __future__ import annotations

from pathlib import Path

from scheduler.core.run.run import State
from scheduler.core.run.turn import EMPTY_NOTE
from tests.kit.models import finish, say
from tests.kit.stage import stage

EMPTY = say("")


async def test_an_empty_answer_is_requested_again_once(tmp_path: Path) -> None:
    async with stage(tmp_path, EMPTY, say("All is well."), finish()) as s:
        run = await s.play()
        assert (run.state, run.summary, s.model.requests) == (State.SUCCEEDED, "All is well.", 2)


async def test_two_empty_answers_fail_the_run(tmp_path: Path) -> None:
    async with stage(tmp_path, *[EMPTY] * 9) as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.FAILED, "silent")
        assert (run.reason, s.model.requests) == ("the model said nothing", 2)

        run = await s.resume(run.id, "Say anything.")
        assert (run.state, s.model.requests) == (State.FAILED, 4), "a resume allows one retry again"
        assert EMPTY_NOTE.startswith("Your last answer was empty")


async def test_the_same_cut_off_text_twice_parks_the_run(tmp_path: Path) -> None:
    async with stage(tmp_path, *[say("On and on", "max_tokens")] * 9) as s:
        run = await s.play()
        assert (run.state, run.reason_code, s.model.requests) == (State.PARKED, "no-progress", 2)
