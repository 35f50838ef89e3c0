"""Control calls: sleep, note and finish are decided together and written in one commit."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import State
from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.core.trust.effect import Effect
from scheduler.ports.tool import Args, ControlTool, Outcome, ToolSpec
from tests.kit.models import call, finish, say, sleep
from tests.kit.stage import Recorder, hang, stage


def broken_control(args: Args, now: datetime, tz: str) -> Outcome:
    raise OverflowError("a plug-in's mistake")


BROKEN = ControlTool(
    ToolSpec(
        name="broken",
        description="Breaks.",
        schema={"type": "object"},
        effect=Effect.PURE,
        reads_private=False,
        reads_untrusted=False,
        external=False,
    ),
    broken_control,
)


async def test_a_sleep_ends_the_attempt_and_leaves_one_wake_up(tmp_path: Path) -> None:
    async with stage(tmp_path, sleep("tomorrow 09:00", "the review")) as s:
        run = await s.play()
        assert (run.state, run.waiting_for) == (State.SLEEPING, "the review")
        due = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)  # 09:00 in Berlin
        assert run.wake_at == due
        assert s.wakeups(run.id) == [WakeUp(Waking.TIME, due=due)]
        (attempt,) = s.attempts(run.id)
        assert attempt.ended_as == "suspend"
        assert attempt.released_at is not None


async def test_of_two_sleeps_the_earliest_wins_and_both_are_answered_on_waking(tmp_path: Path) -> None:
    two = call(("sleep", {"until": "3d", "reason": "late"}), ("sleep", {"until": "1h", "reason": "early"}))
    async with stage(tmp_path, two) as s:
        run = await s.play()
        assert run.waiting_for == "early"
        assert run.wake_at == datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
        run = await s.jump(run.id)
        answer = s.messages(run.id)[2]
        assert [block["tool_use_id"] for block in answer.content] == ["toolu_1_1", "toolu_1_2"]
        assert all("You slept 1h." in block["content"] for block in answer.content)


async def test_finish_beats_sleep(tmp_path: Path) -> None:
    async with stage(tmp_path, call(("sleep", {"until": "1h"}), ("finish", {"summary": "Over."}))) as s:
        run = await s.play()
        assert (run.state, run.summary) == (State.SUCCEEDED, "Over.")
        assert s.results(run.id)["sleep"]["content"].startswith("Not slept")
        assert s.wakeups(run.id) == []


async def test_a_note_and_a_finish_go_together(tmp_path: Path) -> None:
    both = call(("note", {"text": "I chose B."}), ("finish", {"summary": "B", "outcome": "nothing_to_do"}))
    async with stage(tmp_path, both) as s:
        run = await s.play()
        assert (run.state, run.outcome) == (State.SUCCEEDED, "nothing_to_do")
        assert s.results(run.id)["note"]["content"] == "Noted."


async def test_of_two_finishes_the_first_counts(tmp_path: Path) -> None:
    async with stage(tmp_path, call(("finish", {"summary": "one"}), ("finish", {"summary": "two"}))) as s:
        assert (await s.play()).summary == "one"


async def test_an_agent_that_says_failed_fails_its_run(tmp_path: Path) -> None:
    async with stage(tmp_path, finish("The site is down.", "failed")) as s:
        run = await s.play()
        assert (run.state, run.outcome) == (State.FAILED, "failed")
        assert (run.reason, run.reason_code) == ("The site is down.", "agent")


async def test_the_end_of_a_conversation_is_stored_answered_and_never_sent(tmp_path: Path) -> None:
    async with stage(tmp_path, finish()) as s:
        run = await s.play()
        assert s.messages(run.id)[-1].content[0]["content"] == "The run is finished."
        assert s.model.requests == 1


@pytest.mark.parametrize(
    ("until", "code", "suggestion"),
    [
        ("2020-01-01 09:00", "past", ""),
        ("tomorrow", "ambiguous", 'write "2026-11-24T00:00:00+01:00, Tuesday, in 14h" or "'),
        ("whenever", "unknown_word", ""),
        ("400 days", "too_far", ""),
    ],
)
async def test_a_bad_sleep_is_answered_with_its_code_and_the_run_continues(
    tmp_path: Path, until: str, code: str, suggestion: str
) -> None:
    async with stage(tmp_path, sleep(until)) as s:
        run = await s.play()
        result = s.results(run.id)["sleep"]
        assert result["is_error"] is True
        assert f"({code})" in result["content"]
        assert suggestion in result["content"]
        assert run.state is State.SUCCEEDED


async def test_a_bad_sleep_next_to_a_good_one_is_answered_when_the_good_one_ends(tmp_path: Path) -> None:
    async with stage(tmp_path, call(("sleep", {"until": "soon"}), ("sleep", {"until": "1h"}))) as s:
        run = await s.play()
        assert run.state is State.SLEEPING
        run = await s.jump(run.id)
        bad, good = s.messages(run.id)[2].content
        assert bad["is_error"] is True
        assert "is_error" not in good


async def test_missing_and_unknown_arguments_of_a_control_call_are_answered(tmp_path: Path) -> None:
    lines = [call(("sleep", {})), call(("finish", {"summary": "x", "outcome": "meh"}))]
    async with stage(tmp_path, *lines) as s:
        run = await s.play()
        texts = [str(each.result) for each in s.calls(run.id)][:2]
        assert texts[0] == "sleep: until is missing"
        assert "outcome must be one of" in texts[1]
        assert run.summary == "The script has ended."


async def test_a_control_tool_that_breaks_is_answered(tmp_path: Path) -> None:
    async with stage(tmp_path, call(("broken", {})), tools={"broken": BROKEN}) as s:
        run = await s.play()
        assert run.state is State.SUCCEEDED
        assert "OverflowError" in s.results(run.id)["broken"]["content"]


async def test_in_two_hours_counts_from_the_moment_the_agent_spoke(tmp_path: Path) -> None:
    look = Recorder("look", then=hang)
    async with stage(tmp_path, call(("look", {}), ("sleep", {"until": "2h"})), recorders=(look,)) as s:
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        await look.begun.wait()
        await underway.kill()
        look.then = None
        s.world.clock.advance(3600)
        await s.world.settle()
        run = await s.world.run(run_id)
        assert run.wake_at == datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


async def test_a_person_is_heard_before_the_agent_sleeps_or_ends(tmp_path: Path) -> None:
    look = Recorder("look", then=hang)
    first = call(("look", {}), ("finish", {"summary": "Too early."}))
    async with stage(tmp_path, first, say("Heard."), recorders=(look,)) as s:
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        await look.begun.wait()
        underway.attempt.interrupt("cancel")
        assert await underway.task is State.CANCELLED
        look.then = None
        run = await s.resume(run_id, "Look again first.")
        assert (run.state, run.summary) == (State.SUCCEEDED, "Heard.")
        assert s.calls(run_id)[1].state is CallState.FAILED
        assert "They say: Look again first." in s.last_user_text()
