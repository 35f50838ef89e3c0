"""A conversation that has grown long is summed up, and the agent goes on from the summary."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.run.run import State
from tests.kit.models import CENT, Answer, Said, call, fault, finish, say, sleep, summary
from tests.kit.stage import Recorder, Stage, stage, until

LIMIT = "compact=10k"
FULL = "model_context_window_exceeded"


def look(tokens: int = 2_000, stop: str = "tool_use") -> Said:
    """Ask for a look, in an answer to a request of so many tokens."""
    return replace(call(("look", {"at": tokens}), stop=stop), tokens=tokens)


def long(folder: Path, *lines: Answer, options: str = LIMIT) -> Any:
    """Set up a run that has made two looks, the second in answer to a long request."""
    return stage(folder, look(), look(12_000), *lines, recorders=(Recorder(),), options=options)


def kinds(s: Stage) -> list[str]:
    """Return what each request was for."""
    return ["summary" if ask.compact else "answer" for ask in s.world.model.asks]


async def test_a_long_conversation_is_summed_up(tmp_path: Path) -> None:
    async with long(tmp_path, summary("It looked twice."), finish("Seen.")) as s:
        run = await s.play()
        assert (run.state, run.summary) == (State.SUCCEEDED, "Seen.")
        assert kinds(s) == ["answer", "answer", "summary", "answer"]
        _, second, compaction, after = s.world.model.asks
        # What is summed up are the messages of the last request that was answered, and nothing else.
        assert list(compaction.messages) == list(second.messages)
        assert (compaction.system, compaction.tools) == (second.system, second.tools)
        block, *rest = after.messages
        assert block["content"][0]["content"] == "It looked twice."
        stored = s.messages(run.id)
        assert rest == [message.as_param() for message in stored[3:5]]
        assert [message.seq for message in stored] == list(range(1, 8)), "the transcript is kept whole"


async def test_a_summary_is_recorded_and_paid_for(tmp_path: Path) -> None:
    async with long(tmp_path, summary(), finish()) as s:
        run = await s.play()
        third = s.requests(run.id)[2]
        assert (third.state, third.stop_reason, third.covers) == ("answered", "compaction", 3)
        assert third.summary is not None
        assert run.cost_microusd == 4 * CENT
        assert run.steps == 3, "one step for each answer, and none for the summary"


async def test_the_budget_is_looked_at_before_a_summary_and_after_it(tmp_path: Path) -> None:
    async with long(tmp_path, options=f"{LIMIT} budget=0.02/run") as s:
        run = await s.play()
        assert (run.state, run.reason_code, kinds(s)) == (State.PARKED, "budget", ["answer"] * 2)
    async with long(tmp_path / "more", summary(), options=f"{LIMIT} budget=0.03/run") as s:
        run = await s.play()
        assert (run.state, run.reason_code, kinds(s)[2:]) == (State.PARKED, "budget", ["summary"])


async def test_a_sleeper_wakes_to_its_summary(tmp_path: Path) -> None:
    async with long(tmp_path, summary(), sleep("1h"), finish("Awake.")) as s:
        run = await s.play()
        run = await s.jump(run.id)
        assert run.summary == "Awake."
        woken = s.world.model.asks[-1]
        assert woken.messages[0]["content"][0]["type"] == "compaction"
        assert "You are awake" in s.last_user_text()


async def test_the_order_is_repeated_word_for_word_once_behind_each_summary(tmp_path: Path) -> None:
    again = (look(12_000), summary("two"), look(2_000), sleep("1h"))
    async with long(tmp_path, summary("one"), look(2_000), *again, finish()) as s:
        run = await s.play()
        await s.jump(run.id)
        told = [m for m in s.messages(run.id) if m.seq > 1 and "Do your job." in m.text]
        # The summaries cover messages 1 to 3, then 1 to 7; each is followed by what was answered to it.
        assert [r.covers for r in s.requests(run.id) if r.summary] == [3, 7]
        assert [(m.seq, m.provenance.split("+")[-1]) for m in told] == [(7, "owner"), (11, "owner")]


async def test_a_second_summary_covers_the_first(tmp_path: Path) -> None:
    lines = (summary("one"), look(2_000), look(12_000), summary("two"), finish())
    async with long(tmp_path, *lines) as s:
        run = await s.play()
        again = s.world.model.asks[5]
        assert again.compact
        assert again.messages[0]["content"][0]["content"] == "one"
        assert s.world.model.asks[6].messages[0]["content"][0]["content"] == "two"
        assert [r.covers for r in s.requests(run.id) if r.summary] == [3, 7]


@pytest.mark.parametrize("line", [fault("invalid"), fault("auth"), say("", "max_tokens"), say("", "refusal")])
async def test_without_a_summary_the_run_continues_as_it_is(tmp_path: Path, line: Answer) -> None:
    async with long(tmp_path, line, look(14_000), look(16_000), summary(), finish("Seen.")) as s:
        run = await s.play()
        assert run.summary == "Seen."
        # ... and it asks again when there is a quarter more to sum up.
        assert kinds(s)[2:] == ["summary", "answer", "answer", "summary", "answer"]
        failed = s.requests(run.id)[2]
        assert failed.error
        assert failed.summary is None


async def test_an_overload_is_tried_again_and_then_left_alone(tmp_path: Path) -> None:
    async with long(tmp_path, *[fault("overloaded")] * 3, finish("Seen.")) as s:
        run = await s.play()
        assert (run.summary, kinds(s)[2:]) == ("Seen.", ["summary"] * 3 + ["answer"])


async def test_a_conversation_that_fits_no_longer_is_summed_up(tmp_path: Path) -> None:
    async with long(tmp_path, fault("too_long"), summary(), finish("Seen."), options="") as s:
        run = await s.play()
        assert (run.summary, kinds(s)[2:]) == ("Seen.", ["answer", "summary", "answer"])


async def test_an_answer_that_finds_no_room_is_gone_on_with_after_a_summary(tmp_path: Path) -> None:
    async with long(tmp_path, say("Once upon", FULL), summary(), say("a time."), options="") as s:
        run = await s.play()
        assert (run.state, run.summary) == (State.SUCCEEDED, "a time.")
        assert "cut off at the token limit" in s.last_user_text()
        first, *_ = s.world.model.asks[-1].messages
        assert first["content"][0]["type"] == "compaction"


async def test_a_call_that_finds_no_room_is_not_run(tmp_path: Path) -> None:
    async with long(tmp_path, look(stop=FULL), summary(), finish("Seen."), options="") as s:
        run = await s.play()
        assert run.summary == "Seen."
        assert "cut off at the token limit" in s.last_user_text()


@pytest.mark.parametrize("line", [fault("invalid"), fault("too_long"), say("", "max_tokens")])
@pytest.mark.parametrize("full", [fault("too_long"), say("Once", FULL)])
async def test_without_room_and_without_a_summary_it_is_parked(
    tmp_path: Path, full: Answer, line: Answer
) -> None:
    async with long(tmp_path, full, line, options="") as s:
        run = await s.play()
        assert (run.state, run.reason_code) == (State.PARKED, "context")
        assert run.reason.startswith("the conversation no longer fits into the model's context window: ")


async def test_a_first_message_that_does_not_fit_is_parked(tmp_path: Path) -> None:
    async with stage(tmp_path, fault("too_long")) as s:
        run = await s.play()
        assert (run.state, run.reason_code, kinds(s)) == (State.PARKED, "context", ["answer"])


async def test_an_overload_without_room_is_waited_for(tmp_path: Path) -> None:
    down = [fault("overloaded")] * 3
    async with long(tmp_path, say("Once", FULL), *down, summary(), say("upon a time."), options="") as s:
        run = await s.play()
        assert run.state is State.RETRYING
        run = await s.jump(run.id)
        assert run.summary == "upon a time."


async def test_a_summary_that_was_lost_is_asked_for_again(tmp_path: Path) -> None:
    async with long(tmp_path, summary("lost"), summary("kept"), finish("Seen.")) as s:
        run_id = await s.fire()
        await s.world.tick()
        s.model.hold, s.model.held_from = asyncio.Event(), 3
        (underway,) = await s.world.begin()
        await until(lambda: s.model.requests == 3)
        await underway.kill()
        s.model.hold = None
        await s.world.take_over()
        run = await s.world.run(run_id)
        assert run.summary == "Seen."
        assert s.world.model.asks[-1].messages[0]["content"][0]["content"] == "kept"
        assert [r.state for r in s.requests(run_id)][2:4] == ["lost", "answered"]
