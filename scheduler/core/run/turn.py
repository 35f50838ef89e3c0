"""One turn of an agent: decide the next action from the checkpoint alone.

The rules are those of the Messages API: each tool_use is answered exactly once, in the next message;
tools run only when the model stopped for them; a sleep waits until its siblings are done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from scheduler.core.job.job import DEFAULT_COMPACT_TOKENS, Job
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.breaker import SAME, is_cut_again, stuck_on
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Call, CallState
from scheduler.core.run.run import Outcome
from scheduler.core.run.wakeup import Waking
from scheduler.core.run.window import latest_cut, middle_cut
from scheduler.errors import Unit

RESENDABLE_STOPS = frozenset({"pause_turn"})
"""The server wants the conversation back unchanged; no tool of ours was called."""

NO_ROOM_STOP = "model_context_window_exceeded"

CUT_STOPS = frozenset({"max_tokens", NO_ROOM_STOP})
"""The answer was cut off by a limit."""

LAST_WORD_STOPS = frozenset({"end_turn", "stop_sequence"})
"""The model has finished its message."""

ORDINARY_STOPS = RESENDABLE_STOPS | LAST_WORD_STOPS | CUT_STOPS | {"tool_use"}
"""The run can continue after these."""

CUT_SHORT = "This call was cut off at the token limit and was not run. Send it again in smaller parts."

CONTINUE_NOTE = "Your last message was cut off at the token limit. Continue from where it ends."

EMPTY_NOTE = (
    "Your last answer was empty. If your job is done, state the result; otherwise continue with it. "
    "The run fails if the next answer is empty as well."
)

NO_ROOM = "the conversation no longer fits into the model's context window"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a run; money in millionths of a dollar, None for no cap on tokens.

    Args:
        compact_tokens: the size of a request above which the conversation is summarised.
    """

    max_steps: int
    run_microusd: int
    day_microusd: int
    compact_tokens: int = DEFAULT_COMPACT_TOKENS
    run_tokens: int | None = None
    day_tokens: int | None = None


def limits_of(job: Job) -> Limits:
    """Return the limits of a run of a job."""
    return Limits(
        max_steps=job.max_steps,
        run_microusd=round(job.budget.run_usd * 1_000_000),
        day_microusd=round(job.budget.day_usd * 1_000_000),
        compact_tokens=job.compact_tokens,
        run_tokens=job.budget.run_tokens,
        day_tokens=job.budget.day_tokens,
    )


@dataclass(frozen=True, slots=True)
class Begin:
    """Run the gate, then write the first message."""


@dataclass(frozen=True, slots=True)
class AskModel:
    """Send the conversation."""


@dataclass(frozen=True, slots=True)
class Compact:
    """Have the messages up to ``covers`` summarised; with ``must`` the run cannot continue without."""

    covers: int
    must: bool = False


@dataclass(frozen=True, slots=True)
class RunCalls:
    """Work on the open calls: ``fresh`` were never started, ``doubtful`` were started by a dead process."""

    fresh: tuple[Call, ...]
    doubtful: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Decide:
    """Only calls that happen inside a commit are open: all of them are decided and written in one."""

    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Every call is closed, or waits for a wake-up that has come: send the results."""

    waiting: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Reject:
    """The message was cut at the token limit: none of its calls may run."""

    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Continue:
    """The conversation continues after a note: a person resumed it, or the answer was cut off or empty."""

    because: Literal["person", "max_tokens", "empty"]


@dataclass(frozen=True, slots=True)
class Finish:
    """The agent ended its turn without a tool call."""

    summary: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Fail:
    """The run cannot continue by itself."""

    code: ReasonCode
    reason: str


@dataclass(frozen=True, slots=True)
class Park:
    """The run needs a person or another day; its code determines what may end that without a person."""

    code: ReasonCode
    reason: str


NextStep: TypeAlias = (
    Begin | AskModel | Compact | RunCalls | Decide | Answer | Reject | Continue | Finish | Fail | Park
)


def next_step(checkpoint: Checkpoint, limits: Limits, is_inside: Callable[[str], bool]) -> NextStep:
    """Return what to do with a running run.

    Args:
        is_inside: whether calls of a tool, given by name, happen inside the commit that records them.
    """
    last = checkpoint.last
    if last is None:
        return Begin()
    if last.role == "user":
        if _has_news(checkpoint):
            return Continue("person")
        return over(checkpoint, limits) or _stuck(checkpoint) or _compact(checkpoint, limits) or AskModel()
    if checkpoint.calls:
        return _with_calls(checkpoint, limits, is_inside)
    return _without_calls(checkpoint, limits)


def _with_calls(checkpoint: Checkpoint, limits: Limits, is_inside: Callable[[str], bool]) -> NextStep:
    assert checkpoint.last is not None
    still_open = [call for call in checkpoint.calls if not call.is_closed]
    if checkpoint.last.stop_reason != "tool_use" and any(
        call.state is CallState.PLANNED for call in still_open
    ):
        # A retry after these would end the same way; a person who resumes the run wants exactly that.
        return (None if _has_news(checkpoint) else _dead_end(checkpoint, limits)) or Reject(tuple(still_open))
    # A call that had started acted by itself then, whatever its tool does now.
    acting = [call for call in still_open if call.state is CallState.STARTED or not is_inside(call.name)]
    if acting:
        return RunCalls(
            fresh=tuple(call for call in acting if call.state is CallState.PLANNED),
            doubtful=tuple(call for call in acting if call.state is CallState.STARTED),
        )
    waiting = tuple(call for call in still_open if call.state is CallState.WAITING)
    undecided = tuple(call for call in still_open if call.state is CallState.PLANNED)
    if undecided:
        return Decide(undecided)
    return Answer(waiting)


def _without_calls(checkpoint: Checkpoint, limits: Limits) -> NextStep:
    assert checkpoint.last is not None
    stop = checkpoint.last.stop_reason
    if stop in RESENDABLE_STOPS:
        return over(checkpoint, limits) or AskModel()
    if _has_news(checkpoint):
        return Continue("person")
    if end := _dead_end(checkpoint, limits):
        return end
    if stop in CUT_STOPS:
        if is_cut_again(checkpoint.messages, CONTINUE_NOTE):
            return Park(ReasonCode.NO_PROGRESS, "twice in a row the same text was cut off at the token limit")
        return Continue("max_tokens")
    if stop in LAST_WORD_STOPS:
        return _last_word(checkpoint, checkpoint.last.text.strip())
    return Park(ReasonCode.UNKNOWN_ANSWER, "the model stopped for a tool call and made none")


def _last_word(checkpoint: Checkpoint, text: str) -> Finish | Continue | Fail:
    """Return how a run ends whose agent has finished its message; an empty one is requested once more."""
    if text:
        return Finish(text, "done")
    is_retried = len(checkpoint.messages) > 1 and checkpoint.messages[-2].text == EMPTY_NOTE
    return Fail(ReasonCode.SILENT, "the model said nothing") if is_retried else Continue("empty")


def _dead_end(checkpoint: Checkpoint, limits: Limits) -> Fail | Park | Compact | None:
    assert checkpoint.last is not None
    if checkpoint.last.stop_reason == "refusal":
        return Fail(ReasonCode.REFUSAL, "the model refused to continue")
    if checkpoint.last.stop_reason == NO_ROOM_STOP:
        return _make_room(checkpoint, limits)
    if checkpoint.last.stop_reason not in ORDINARY_STOPS:
        return Park(
            ReasonCode.UNKNOWN_ANSWER,
            f"the model stopped for an unknown reason: {checkpoint.last.stop_reason}",
        )
    return None


def _compact(checkpoint: Checkpoint, limits: Limits) -> Compact | None:
    # Only after growth by a quarter: a summary must be worth its price, and a refused one must not be retried
    # at once.
    if checkpoint.window_tokens <= max(limits.compact_tokens, checkpoint.base_tokens * 5 // 4):
        return None
    covers = latest_cut(checkpoint.messages)
    return None if covers is None else Compact(covers)


def _make_room(checkpoint: Checkpoint, limits: Limits) -> Fail | Park | Compact | None:
    if checkpoint.summary is not None and not checkpoint.window_tokens:
        return None  # it was made since the answer was cut: continue as after any other cut
    covers = middle_cut(checkpoint.messages)
    if covers is None:
        return Park(ReasonCode.CONTEXT, NO_ROOM)
    return over(checkpoint, limits) or Compact(covers, must=True)


def _has_news(checkpoint: Checkpoint) -> bool:
    return checkpoint.woken is not None and checkpoint.woken.kind == Waking.PERSON


def over(checkpoint: Checkpoint, limits: Limits) -> Fail | Park | None:
    """Return how a run that has reached one of its limits ends or waits, or None."""
    run = checkpoint.run
    if run.cost_microusd >= limits.run_microusd:
        return Park(
            ReasonCode.BUDGET, f"the run has spent {part(run.cost_microusd, 'its', limits.run_microusd)}"
        )
    if limits.run_tokens is not None and run.tokens >= limits.run_tokens:
        used = part(run.tokens, "its", limits.run_tokens, "tokens")
        return Park(ReasonCode.BUDGET_TOKENS, f"the run has spent {used}")
    if checkpoint.spent_day_microusd >= limits.day_microusd:
        used = part(checkpoint.spent_day_microusd, "today's", limits.day_microusd)
        return Park(ReasonCode.BUDGET_DAY, f"the job has spent {used}")
    if limits.day_tokens is not None and checkpoint.spent_day_tokens >= limits.day_tokens:
        used = part(checkpoint.spent_day_tokens, "today's", limits.day_tokens, "tokens")
        return Park(ReasonCode.BUDGET_DAY_TOKENS, f"the job has spent {used}")
    if checkpoint.steps >= limits.max_steps:
        return Fail(
            ReasonCode.MAX_STEPS,
            f"the attempt has made {checkpoint.steps} steps: max-steps={limits.max_steps}",
        )
    return None


def _stuck(checkpoint: Checkpoint) -> Park | None:
    calls = stuck_on(checkpoint.messages)
    if calls is None:
        return None
    return Park(
        ReasonCode.NO_PROGRESS, f"{SAME} times in a row it called {calls} with the same arguments and result"
    )


def usd(microusd: int) -> str:
    """Return an amount for people: two decimals, more if it is less than a cent."""
    dollars = microusd / 1_000_000
    if microusd and abs(dollars) < 0.01:
        return f"${dollars:.4f}"
    return f"${dollars:.2f}"


def part(spent: int, whose: str, cap: int, unit: Unit = "usd") -> str:
    """Return the used part of a cap: ``$0.20 of its $0.50``, ``210,345 of today's 200,000 tokens``."""
    if unit == "usd":
        return f"{usd(spent)} of {whose} {usd(cap)}"
    return f"{spent:,} of {whose} {cap:,} tokens"
