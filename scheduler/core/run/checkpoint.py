"""A checkpoint: everything that is needed to continue a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scheduler.core.job.job import Job
from scheduler.core.run.conversation import Block, Call, CallState, Message, Request
from scheduler.core.run.run import Run, after
from scheduler.core.run.step import Change, Frame, Step
from scheduler.core.run.wakeup import Woken
from scheduler.core.trust.grant import Grant


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run as its runner sees it; ``apply`` returns the next one without reading the store again.

    It contains the window, not the whole conversation, so that the cost of a step does not grow.

    Args:
        summary: what is sent in place of the messages before the window.
        messages: the window: every message that the summary does not cover.
        window_tokens: the size of the last answered request; 0 after a summary.
        base_tokens: the same when the window began, or when a summary was last attempted without success.
        calls: the journal of the last assistant message only; earlier calls are all closed and sent.
        requests: how many were sent in the whole run.
        steps: how many answers of the model this attempt has; each counts one, with its tool calls.
        spent_day_microusd: the cost of all runs of the job on the present local day, including this run.
        spent_day_tokens: the same in tokens.
        failures: how many attempts in a row ended with a failed request; an answer resets it.
        failed_attempt: the last attempt that is counted there (0: none).
        trust_now: the profile on the job's present line; empty if there is none any more.
        always: grants of the job from approvals given "always".
        parts: by kind of change, the run's data of its room; a change folds only into its own part.
    """

    run: Run
    job: Job
    frame: Frame | None = None
    summary: Block | None = None
    messages: tuple[Message, ...] = ()
    window_tokens: int = 0
    base_tokens: int = 0
    calls: tuple[Call, ...] = ()
    woken: Woken | None = None
    requests: int = 0
    steps: int = 0
    spent_day_microusd: int = 0
    spent_day_tokens: int = 0
    failures: int = 0
    failed_attempt: int = 0
    always: tuple[Grant, ...] = ()
    trust_now: tuple[str | None, ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def last(self) -> Message | None:
        """The last message, or None before the first."""
        return self.messages[-1] if self.messages else None

    @property
    def next_seq(self) -> int:
        """The seq of the next message."""
        return self.messages[-1].seq + 1 if self.messages else 1

    def apply(self, step: Step) -> Checkpoint:
        """Return the checkpoint after ``step``, equal to what the store would load.

        Raises:
            RefusedError: the state machine has no such move.
        """
        run = self.run
        if step.move is not None:
            run = replace(run, state=after(run.state, step.move))
        if step.marks is not None:
            run = replace(run, marks=step.marks)
        cost = (step.closed.cost_microusd or 0) if step.closed else 0
        tokens = step.closed.tokens if step.closed else 0
        run = replace(
            run,
            cost_microusd=run.cost_microusd + cost,
            tokens=run.tokens + tokens,
            steps=run.steps + step.new_step,
        )
        if step.messages and step.messages[-1].role == "assistant":
            calls = tuple(begun(call, step) for call in step.planned)
        else:
            calls = tuple(_advance(call, step) for call in self.calls)
        failures, failed_attempt = _failures(self, step.closed)
        window_tokens, base_tokens = _sizes(self, step.closed)
        summary, messages = self.summary, (*self.messages, *step.messages)
        if step.closed is not None and step.closed.summary is not None:
            summary = step.closed.summary
            messages = tuple(message for message in messages if message.seq > (step.closed.covers or 0))
        return replace(
            self,
            run=run,
            parts=folded(self.parts, step.changes) if step.changes else self.parts,
            failures=failures,
            failed_attempt=failed_attempt,
            frame=step.frame or self.frame,
            summary=summary,
            messages=messages,
            window_tokens=window_tokens,
            base_tokens=base_tokens,
            calls=calls,
            woken=None if step.told else self.woken,
            requests=self.requests + (step.opened is not None),
            steps=self.steps + step.new_step,
            spent_day_microusd=self.spent_day_microusd + cost,
            spent_day_tokens=self.spent_day_tokens + tokens,
        )


def _failures(checkpoint: Checkpoint, closed: Request | None) -> tuple[int, int]:
    if closed is None or closed.state == "lost":
        return checkpoint.failures, checkpoint.failed_attempt
    if closed.state == "answered":
        return 0, 0
    if closed.attempt == checkpoint.failed_attempt:
        return checkpoint.failures, checkpoint.failed_attempt
    return checkpoint.failures + 1, closed.attempt


def _sizes(checkpoint: Checkpoint, closed: Request | None) -> tuple[int, int]:
    if closed is not None and closed.summary is not None:
        return 0, 0
    if closed is not None and closed.covers is not None and closed.state != "lost":
        return checkpoint.window_tokens, checkpoint.window_tokens
    if closed is not None and closed.covers is None and closed.state == "answered":
        sent = closed.usage.sent_tokens
        return sent, checkpoint.base_tokens if checkpoint.window_tokens else sent
    return checkpoint.window_tokens, checkpoint.base_tokens


def folded(parts: Mapping[str, Any], changes: Sequence[Change]) -> Mapping[str, Any]:
    """Return the parts after changes; a part that was not read stays unread."""
    after = dict(parts)
    for change in changes:
        if change.kind in after:
            after[change.kind] = change.fold(after[change.kind])
    return after


def begun(call: Call, step: Step) -> Call:
    """Return a call after a step that may start it."""
    if call.id not in step.started:
        return call
    return replace(call, state=CallState.STARTED, started_at=step.at, rule=step.rules.get(call.id, ""))


def _advance(call: Call, step: Step) -> Call:
    call = begun(call, step)
    if call.id in step.taken_back:
        call = replace(call, state=CallState.PLANNED, started_at=None)
    if call.id in step.waiting:
        call = replace(call, state=CallState.WAITING, started_at=step.at)
    for result in step.results:
        if result.call_id == call.id:
            call = replace(
                call,
                state=result.state,
                result=result.content,
                provenance=result.provenance,
                rule=result.rule or call.rule,
                ended_at=step.at,
            )
    return call
