"""One turn: for every kind of checkpoint, the one thing to do next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import CallState
from scheduler.core.run.turn import (
    CONTINUE_NOTE,
    EMPTY_NOTE,
    Answer,
    AskModel,
    Begin,
    Compact,
    Continue,
    Decide,
    Fail,
    Finish,
    Limits,
    NextStep,
    Park,
    Reject,
    RunCalls,
    next_step,
    usd,
)
from tests.kit.checkpoints import LIMITS, NEWS, TIME, assistant, at, call, is_control, user

PLANNED, STARTED, WAITING = CallState.PLANNED, CallState.STARTED, CallState.WAITING
DONE, FAILED, UNKNOWN = CallState.DONE, CallState.FAILED, CallState.UNKNOWN

LOOK, SLEEP, NOTE = call("look"), call("sleep", position=1), call("note", position=2)
BEGUN = call("look", STARTED)
ASLEEP = call("sleep", WAITING, 1)
CLOSED = call("look", DONE)
ASKED, RESULTS = assistant("tool_use"), user(3, "results")
BUDGET = Park(ReasonCode.BUDGET, "the run has spent $0.50 of its $0.50")
DAY = Park(ReasonCode.BUDGET_DAY, "the job has spent $5.00 of today's $5.00")
TOKENS = Park(ReasonCode.BUDGET_TOKENS, "the run has spent 200,100 of its 200,000 tokens")
DAY_TOKENS = Park(ReasonCode.BUDGET_DAY_TOKENS, "the job has spent 2,000,000 of today's 2,000,000 tokens")
CONTEXT = Park(ReasonCode.CONTEXT, "the conversation no longer fits into the model's context window")
REFUSED = Fail(ReasonCode.REFUSAL, "the model refused to continue")
UNKNOWN_STOP = Park(ReasonCode.UNKNOWN_ANSWER, "the model stopped for an unknown reason: soon")
NO_TOOL = Park(ReasonCode.UNKNOWN_ANSWER, "the model stopped for a tool call and made none")

LONG = (user(), *(replace(m, seq=n) for n, m in enumerate((ASKED, RESULTS) * 2, start=2)))
"""A prompt and two exchanges: the first of them can be summed up."""

FULL = (*LONG[:-1], replace(assistant("model_context_window_exceeded"), seq=5))
SILENT = Fail(ReasonCode.SILENT, "the model said nothing")
CUT_AGAIN = Park(ReasonCode.NO_PROGRESS, "twice in a row the same text was cut off at the token limit")

SUMMARY: dict[str, Any] = {"summary": {"type": "compaction"}}

CASES: dict[str, tuple[Checkpoint, NextStep]] = {
    "nothing yet": (at(), Begin()),
    "nothing yet, but a person spoke": (at(woken=NEWS), Begin()),
    "the prompt": (at(user()), AskModel()),
    "the prompt, and a person spoke": (at(user(), woken=NEWS), Continue("person")),
    "the prompt, after a probe": (at(user(), woken=TIME), AskModel()),
    "results": (at(user(), ASKED, RESULTS, calls=(CLOSED,)), AskModel()),
    # how the model stopped
    "end_turn": (at(user(), assistant("end_turn", " Done. ")), Finish("Done.", "done")),
    "stop_sequence": (at(user(), assistant("stop_sequence", "x")), Finish("x", "done")),
    "an empty answer": (at(user(), assistant("end_turn")), Continue("empty")),
    "blanks only": (at(user(), assistant("end_turn", " \n")), Continue("empty")),
    "empty twice": (at(user(), assistant("end_turn"), user(3, EMPTY_NOTE), assistant("end_turn")), SILENT),
    "a word at last": (
        at(user(), assistant("end_turn"), user(3, EMPTY_NOTE), assistant("end_turn", "x")),
        Finish("x", "done"),
    ),
    "empty twice, and a person spoke": (
        at(user(), assistant("end_turn"), user(3, EMPTY_NOTE), assistant("end_turn"), woken=NEWS),
        Continue("person"),
    ),
    "cut twice in the same text": (
        at(user(), assistant("max_tokens", "On"), user(3, CONTINUE_NOTE), assistant("max_tokens", "On")),
        CUT_AGAIN,
    ),
    "cut twice in other text": (
        at(user(), assistant("max_tokens", "On"), user(3, CONTINUE_NOTE), assistant("max_tokens", "and on")),
        Continue("max_tokens"),
    ),
    "max_tokens": (at(user(), assistant("max_tokens", "On")), Continue("max_tokens")),
    "pause_turn": (at(user(), assistant("pause_turn")), AskModel()),
    "refusal": (at(user(), assistant("refusal")), REFUSED),
    "context": (at(user(), assistant("model_context_window_exceeded")), CONTEXT),
    "tool_use without a tool": (at(user(), assistant("tool_use")), NO_TOOL),
    "an unknown stop": (at(user(), assistant("soon")), UNKNOWN_STOP),
    # ... with a call that was cut
    "max_tokens in a call": (at(user(), assistant("max_tokens"), calls=(LOOK, SLEEP)), Reject((LOOK, SLEEP))),
    "pause_turn with a call": (at(user(), assistant("pause_turn"), calls=(LOOK,)), Reject((LOOK,))),
    "refusal in a call": (at(user(), assistant("refusal"), calls=(LOOK,)), REFUSED),
    "context in a call": (at(user(), assistant("model_context_window_exceeded"), calls=(LOOK,)), CONTEXT),
    "an unknown stop in a call": (at(user(), assistant("soon"), calls=(LOOK,)), UNKNOWN_STOP),
    "refusal in a call, resumed": (
        at(user(), assistant("refusal"), calls=(LOOK,), woken=NEWS),
        Reject((LOOK,)),
    ),
    "cut calls that are closed": (
        at(user(), assistant("max_tokens"), calls=(call("look", FAILED),)),
        Answer(()),
    ),
    # a conversation that has grown long
    "as large as allowed": (at(*LONG, window_tokens=150_000, base_tokens=2_000), AskModel()),
    "too large": (at(*LONG, window_tokens=150_001, base_tokens=2_000), Compact(3)),
    "too large, and hardly grown": (at(*LONG, window_tokens=155_000, base_tokens=140_000), AskModel()),
    "too large, and in one exchange": (at(*LONG[:3], window_tokens=180_000, base_tokens=2_000), AskModel()),
    "too large, and no money left": (at(*LONG, window_tokens=180_000, cost=500_000), BUDGET),
    "too large, and a person spoke": (at(*LONG, window_tokens=180_000, woken=NEWS), Continue("person")),
    "no room left": (at(*FULL, window_tokens=200_000), Compact(3, must=True)),
    "no room left in a call": (at(*FULL, calls=(LOOK,), window_tokens=9), Compact(3, must=True)),
    "no room left, and no money": (at(*FULL, window_tokens=200_000, cost=500_000), BUDGET),
    "no room again": (at(*FULL, window_tokens=200_000, **SUMMARY), Compact(3, must=True)),
    "room was made": (at(*FULL, **SUMMARY), Continue("max_tokens")),
    "room was made, after a call": (at(*FULL, calls=(LOOK,), **SUMMARY), Reject((LOOK,))),
    # resumed after an end
    "an end, resumed": (at(user(), assistant("end_turn"), woken=NEWS), Continue("person")),
    "a refusal, resumed": (at(user(), assistant("refusal"), woken=NEWS), Continue("person")),
    "context, resumed": (
        at(user(), assistant("model_context_window_exceeded"), woken=NEWS),
        Continue("person"),
    ),
    # calls
    "fresh calls before a sleep": (at(user(), ASKED, calls=(LOOK, SLEEP, NOTE)), RunCalls((LOOK,), ())),
    "a doubtful call": (at(user(), ASKED, calls=(BEGUN, SLEEP)), RunCalls((), (BEGUN,))),
    "one done, one not": (
        at(user(), ASKED, calls=(CLOSED, call("find", PLANNED, 3))),
        RunCalls((call("find", PLANNED, 3),), ()),
    ),
    "only control calls": (at(user(), ASKED, calls=(CLOSED, SLEEP, NOTE)), Decide((SLEEP, NOTE))),
    "a doubtful call that was cut": (
        at(user(), assistant("max_tokens"), calls=(BEGUN,)),
        RunCalls((), (BEGUN,)),
    ),
    "all closed": (at(user(), ASKED, calls=(CLOSED, call("find", UNKNOWN, 1))), Answer(())),
    "a sleep that is over": (at(user(), ASKED, calls=(CLOSED, ASLEEP), woken=TIME), Answer((ASLEEP,))),
    "a sleep that a person ended": (at(user(), ASKED, calls=(ASLEEP,), woken=NEWS), Answer((ASLEEP,))),
    # money and steps
    "the budget is used up": (at(user(), cost=500_000), BUDGET),
    "one microdollar is left": (at(user(), cost=499_999), AskModel()),
    "the day is used up": (at(user(), spent_day_microusd=5_000_000), DAY),
    "both are used up": (at(user(), cost=500_000, spent_day_microusd=5_000_000), BUDGET),
    "no step is left": (
        at(user(), steps=50),
        Fail(ReasonCode.MAX_STEPS, "the attempt has made 50 steps: max-steps=50"),
    ),
    "one step is left": (at(user(), steps=49), AskModel()),
    "a paused turn over the budget": (at(user(), assistant("pause_turn"), cost=500_000), BUDGET),
    "an end over the budget": (at(user(), assistant("end_turn", "x"), cost=500_000), Finish("x", "done")),
    "calls over the budget": (at(user(), ASKED, calls=(LOOK,), cost=500_000), RunCalls((LOOK,), ())),
    "a person over the budget": (at(user(), cost=500_000, woken=NEWS), Continue("person")),
}


CAPPED = replace(LIMITS, run_tokens=200_000, day_tokens=2_000_000)
CAPPED_CASES: dict[str, tuple[Checkpoint, NextStep]] = {
    "one token is left": (at(user(), tokens=199_999), AskModel()),
    "the tokens are used up": (at(user(), tokens=200_100), TOKENS),
    "the day's tokens are used up": (at(user(), spent_day_tokens=2_000_000), DAY_TOKENS),
    "money comes first": (at(user(), tokens=200_100, cost=500_000), BUDGET),
    "the run comes before the day": (at(user(), tokens=200_100, spent_day_microusd=5_000_000), TOKENS),
    "a paused turn": (at(user(), assistant("pause_turn"), tokens=200_100), TOKENS),
    "an end": (at(user(), assistant("end_turn", "x"), tokens=200_100), Finish("x", "done")),
    "calls": (at(user(), ASKED, calls=(LOOK,), tokens=200_100), RunCalls((LOOK,), ())),
    "too large": (at(*LONG, window_tokens=180_000, tokens=200_100), TOKENS),
}


@pytest.mark.parametrize("name", CAPPED_CASES)
def test_next_step_under_a_cap_on_tokens(name: str) -> None:
    checkpoint, expected = CAPPED_CASES[name]
    assert next_step(checkpoint, CAPPED, is_control) == expected


def test_without_a_cap_tokens_are_counted_and_stop_nothing() -> None:
    assert next_step(at(user(), tokens=10**9, spent_day_tokens=10**9), LIMITS, is_control) == AskModel()


@pytest.mark.parametrize("name", CASES)
def test_next_step(name: str) -> None:
    checkpoint, expected = CASES[name]
    assert next_step(checkpoint, LIMITS, is_control) == expected


def test_the_decision_hangs_on_nothing_but_its_arguments() -> None:
    for checkpoint, _ in CASES.values():
        assert next_step(checkpoint, LIMITS, is_control) == next_step(checkpoint, LIMITS, is_control)


def test_limits_of_nothing_stop_at_once() -> None:
    assert isinstance(next_step(at(user()), Limits(50, 0, 1), is_control), Park)
    assert isinstance(next_step(at(user()), Limits(0, 1, 1), is_control), Fail)


@pytest.mark.parametrize(
    ("microusd", "text"),
    [(0, "$0.00"), (5, "$0.0000"), (1_234, "$0.0012"), (10_000, "$0.01"), (1_500_000, "$1.50")],
)
def test_money_is_written_as_people_do(microusd: int, text: str) -> None:
    assert usd(microusd) == text
