"""A checkpoint after a step: what ``apply`` gives is what the store would load."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import CallState, Request, RequestState, Usage
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import CallResult, Frame, Step
from scheduler.engine.attempt.attempt import Attempt
from scheduler.engine.attempt.writer import RunWriter
from scheduler.errors import RefusedError
from tests.kit.checkpoints import NEWS, START, assistant, at, call, user
from tests.kit.models import Answer, Said, fault, finish, say, sleep, summary
from tests.kit.models import call as calls
from tests.kit.stage import Recorder, stage

LATER = START + timedelta(seconds=5)


def request(state: RequestState = "sent", attempt: int = 1, cost: int | None = None) -> Request:
    return Request(1, attempt, "model", START, state=state, cost_microusd=cost)


def look(tokens: int = 2_000) -> Said:
    """Ask for a look, in an answer to a request of so many tokens."""
    return replace(calls(("look", {"at": tokens})), tokens=tokens)


def test_messages_are_appended() -> None:
    checkpoint = at(user()).apply(Step(at=LATER, messages=(assistant("end_turn", "Done."),)))
    assert [message.seq for message in checkpoint.messages] == [1, 2]
    assert checkpoint.last is not None
    assert checkpoint.last.text == "Done."
    assert at().last is None


def test_a_move_changes_the_state_and_an_impossible_one_is_refused() -> None:
    assert at().apply(Step(at=LATER, move=Move.SUSPEND)).run.state is State.SLEEPING
    sleeping = at().apply(Step(at=LATER, move=Move.SUSPEND))
    with pytest.raises(RefusedError):
        sleeping.apply(Step(at=LATER, move=Move.FINISH))


def test_an_answer_brings_its_own_calls_and_forgets_the_earlier_ones() -> None:
    before = at(user(), calls=(call("old", CallState.DONE),))
    planned = (call("look"), call("sleep", position=1))
    after = before.apply(Step(at=LATER, messages=(assistant("tool_use"),), planned=planned, new_step=True))
    assert after.calls == planned
    assert (after.steps, after.run.steps) == (1, 1)


def test_calls_advance_and_keep_their_instants() -> None:
    before = at(user(), assistant("tool_use"), calls=(call("look"), call("sleep", position=1)))
    begun = before.apply(Step(at=LATER, started=("id-look-0",), waiting=("id-sleep-1",)))
    look, sleeps = begun.calls
    assert (look.state, look.started_at) == (CallState.STARTED, LATER)
    assert (sleeps.state, sleeps.started_at) == (CallState.WAITING, LATER)
    result = CallResult("id-look-0", CallState.DONE, "found", "untrusted:look")
    (closed, _) = begun.apply(Step(at=LATER, results=(result,))).calls
    assert (closed.result, closed.provenance, closed.ended_at) == ("found", "untrusted:look", LATER)
    assert closed.is_closed


def test_a_result_is_a_block_that_says_when_it_is_an_error() -> None:
    done = replace(call("look", CallState.DONE), result="ok")
    failed = replace(call("look", CallState.FAILED), result=({"type": "text", "text": "no"},))
    unknown = replace(call("look", CallState.UNKNOWN), result="?")
    assert done.as_result() == {"type": "tool_result", "tool_use_id": "id-look-0", "content": "ok"}
    assert failed.as_result()["is_error"] is True
    assert failed.as_result()["content"] == [{"type": "text", "text": "no"}]
    assert unknown.as_result()["is_error"] is True


def test_money_is_added_when_a_request_is_answered() -> None:
    opened = at(user()).apply(Step(at=LATER, opened=request()))
    assert opened.requests == 1
    closed = opened.apply(Step(at=LATER, closed=request("answered", cost=7)))
    assert (closed.run.cost_microusd, closed.spent_day_microusd, closed.requests) == (7, 7, 1)
    unknown = opened.apply(Step(at=LATER, closed=request("answered", cost=None)))
    assert unknown.run.cost_microusd == 0


def test_a_summary_moves_the_window_and_begins_the_count_again() -> None:
    def closed(tokens: int = 0, **more: Any) -> Step:
        usage = Usage(input_tokens=1, cache_read_tokens=tokens - 2, cache_write_tokens=1)
        return Step(at=LATER, closed=replace(request("answered"), usage=usage, **more))

    first = at(user(), assistant("tool_use"), user(3)).apply(closed(200))
    assert (first.window_tokens, first.base_tokens) == (200, 200)
    grown = first.apply(closed(900))
    assert (grown.window_tokens, grown.base_tokens) == (900, 200)
    in_vain = grown.apply(closed(covers=2))
    assert (in_vain.window_tokens, in_vain.base_tokens) == (900, 900)
    assert in_vain.messages == grown.messages
    block = {"type": "compaction", "content": "Much was done."}
    summed = in_vain.apply(closed(covers=2, summary=block))
    assert (summed.window_tokens, summed.base_tokens) == (0, 0)
    assert ([message.seq for message in summed.messages], summed.summary) == ([3], block)
    assert summed.next_seq == 4
    assert summed.apply(closed(300)).base_tokens == 300


def test_failures_are_counted_by_attempt_and_an_answer_begins_again() -> None:
    def close(checkpoint: Checkpoint, state: RequestState, attempt: int) -> Checkpoint:
        return checkpoint.apply(Step(at=LATER, closed=request(state, attempt)))

    one = close(close(at(user()), "failed", 1), "failed", 1)
    assert (one.failures, one.failed_attempt) == (1, 1)
    two = close(one, "failed", 2)
    assert (two.failures, two.failed_attempt) == (2, 2)
    assert close(two, "lost", 3).failures == 2
    assert close(two, "answered", 3).failures == 0


def test_the_frame_is_pinned_once_and_news_are_forgotten_when_told() -> None:
    frame = Frame("model", "system", ())
    first = at(woken=NEWS).apply(Step(at=LATER, frame=frame))
    assert (first.frame, first.woken) == (frame, NEWS)
    second = first.apply(Step(at=LATER, told=True))
    assert (second.frame, second.woken) == (frame, None)


LONG = 12_000
"""Tokens of a request that is summed up with ``compact=10k``."""


@pytest.mark.parametrize(
    "lines",
    [
        [fault("cut"), calls(("look", {}), ("note", {"text": "n"})), sleep("1h"), say("x", "max_tokens")],
        [look(), look(LONG), fault("invalid"), look(LONG), sleep("1h"), look(20_000), summary(), look(300)],
        [look(), look(LONG), summary(), look(), replace(sleep("1h"), tokens=LONG), summary(), look()],
        [look(), look(LONG), say("", "max_tokens"), sleep("1h"), look(LONG), look(LONG + 5_000), summary()],
        [look(), look(), fault("too_long"), summary(), fault("cut"), look()],
    ],
)
async def test_apply_gives_what_the_store_would_load(tmp_path: Path, lines: list[Answer]) -> None:
    async with stage(tmp_path, *lines, finish(), recorders=(Recorder(),), options="compact=10k") as s:
        compared = 0

        class Comparing(RunWriter):
            async def commit(self, step: Step) -> None:
                nonlocal compared
                await super().commit(step)
                if self.checkpoint.run.state is State.RUNNING:
                    stored = await s.world.store.checkpoint(self.lease, s.world.clock.now())
                    assert replace(stored, run=replace(stored.run, wake_at=None)) == self.checkpoint
                    compared += 1

        await s.fire()
        for _ in range(2):
            await s.world.tick()
            leases = await s.world.store.claim("r", s.world.clock.now(), limit=1, lease_seconds=30)
            for lease in leases:
                checkpoint = await s.world.store.checkpoint(lease, s.world.clock.now())
                await Attempt(s.world.services, lease, checkpoint, writer=Comparing).run()
            s.world.clock.advance(3600)
        assert s.model.lines == []
        assert compared > 10
