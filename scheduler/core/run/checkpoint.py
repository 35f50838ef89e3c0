"""A checkpoint: all that is needed to go on with a run; and a step: all that one commit changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from scheduler.core.job.job import Job
from scheduler.core.run.budget import DayCap
from scheduler.core.run.conversation import Block, Call, CallState, Message, Request
from scheduler.core.run.follow_up import FollowUp
from scheduler.core.run.notice import Notice
from scheduler.core.run.run import Move, Outcome, Run, after
from scheduler.core.run.wakeup import WakeUp, Woken
from scheduler.core.trust.approval import Approval, ApprovalState, Share
from scheduler.core.trust.grant import Grant


@dataclass(frozen=True, slots=True)
class Frame:
    """What stays the same in every request of a run, pinned at its first step for the prompt cache."""

    model: str
    system: str
    tools: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class CallResult:
    """What became of one call."""

    call_id: str
    state: CallState
    content: str | tuple[Block, ...]
    provenance: str = "own"
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Everything that one step changes: written in one transaction, or not at all.

    Args:
        at: the instant of the step (aware UTC).
        move: the transition of the run, or None when it goes on running.  Every move but None releases
            the lease in the same transaction.
        keep_attempt: false hands the attempt back (shutdown).
        frame: pinned by the first step only.
        messages: appended; their seq must follow the stored ones.
        planned: new rows of the call journal.
        external: planned calls that act outside whatever their class: recorded as an effect is.
        gate: true when the gate is about to be asked: a record, and nothing else.
        started: call ids that become ``started``: durable before their effect.
        again: call ids of ``started`` ones that are begun once more, as their effect class allows: a record.
        taken_back: call ids that become ``planned`` again: they were started, and certainly have not acted.
        waiting: call ids that become ``waiting`` (the open sleep).
        results: calls that get their result.
        rules: by call id, what lets the started ones act.
        marks: what the run has seen and done from now on, as text; None: nothing new.
        shares: calls of a tool that a grant counts by the day; when others have used them up since, nothing
            is written.
        stains: the workdir, when private data may lie there from now on.
        unstained: the workdir, when the started calls were judged as if no private data lay there; when some
            does by now, or a grant among ``rules`` was revoked, nothing is written.
        awaits: questions put before that the run rests for; one that was answered meanwhile wakes it at once.
        asks: questions to a person; a run that parks for them writes them in the same transaction.
        settled: approvals by id that are over: used by a call that starts, or expired.
        opened: the request that is about to be sent.
        cap: with ``opened``: what the job's day may cost; when others have used it up, nothing is written.
        closed: the request that was answered or failed, by its number.
        wakeups: what the run waits for from now on.
        told: true when the agent was told why it woke, so that ``Woken`` may be forgotten.
        new_step: counts towards ``max-steps``.
        notices: outbox rows.
        made: follow-up jobs that the agent made.
        unmade: names of follow-ups that it cancelled.
    """

    at: datetime
    move: Move | None = None
    reason: str = ""
    reason_code: str = ""
    waiting_for: str = ""
    outcome: Outcome | None = None
    summary: str = ""
    keep_attempt: bool = True
    frame: Frame | None = None
    messages: tuple[Message, ...] = ()
    planned: tuple[Call, ...] = ()
    external: tuple[str, ...] = ()
    gate: bool = False
    started: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    taken_back: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    results: tuple[CallResult, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    marks: str | None = None
    shares: tuple[Share, ...] = ()
    stains: str = ""
    unstained: str = ""
    awaits: tuple[str, ...] = ()
    asks: tuple[Approval, ...] = ()
    settled: Mapping[str, ApprovalState] = field(default_factory=dict)
    opened: Request | None = None
    cap: DayCap | None = None
    closed: Request | None = None
    wakeups: tuple[WakeUp, ...] = ()
    told: bool = False
    new_step: bool = False
    notices: tuple[Notice, ...] = ()
    made: tuple[FollowUp, ...] = ()
    unmade: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A run as its runner sees it; ``apply`` gives the next one without reading the store again.

    It holds the window, not the whole conversation: a run of months must not cost more with every step.

    Args:
        summary: what is sent in place of the messages before the window.
        messages: the window: every message that the summary does not stand for.
        window_tokens: the size of the last request that was answered; 0 after a summary was made.
        base_tokens: what that was when the window began, or when a summary was last asked for in vain.
        calls: the journal of the last assistant message only; earlier calls are all closed and sent.
        requests: how many were sent in the whole run.
        steps: how many steps this attempt has made.
        spent_day_microusd: what all runs of the job have cost on the present local day, this run included.
        spent_day_tokens: the same in tokens.
        failures: how many attempts in a row ended with a failed request; an answer begins a new count.
        failed_attempt: the last attempt that is counted there (0: none).
        approvals: the questions about open calls, and their answers.
        stained: whether private data may lie in the workdir.
        trust_now: what the line of the job names for its profile by now; empty when there is none any more.
        always: grants of the job that came of approvals given "always".
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
    approvals: tuple[Approval, ...] = ()
    always: tuple[Grant, ...] = ()
    stained: bool = False
    trust_now: tuple[str | None, ...] = ()

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
            calls = step.planned
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
            approvals=_settled(self.approvals, step),
            stained=self.stained or bool(step.stains),
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


def _failures(at: Checkpoint, closed: Request | None) -> tuple[int, int]:
    if closed is None or closed.state == "lost":
        return at.failures, at.failed_attempt
    if closed.state == "answered":
        return 0, 0
    if closed.attempt == at.failed_attempt:
        return at.failures, at.failed_attempt
    return at.failures + 1, closed.attempt


def _sizes(at: Checkpoint, closed: Request | None) -> tuple[int, int]:
    if closed is not None and closed.summary is not None:
        return 0, 0
    if closed is not None and closed.covers is not None and closed.state != "lost":
        return at.window_tokens, at.window_tokens
    if closed is not None and closed.covers is None and closed.state == "answered":
        sent = closed.usage.sent_tokens
        return sent, at.base_tokens if at.window_tokens else sent
    return at.window_tokens, at.base_tokens


def _settled(approvals: tuple[Approval, ...], step: Step) -> tuple[Approval, ...]:
    kept = (replace(each, state=step.settled.get(each.id, each.state)) for each in approvals)
    return (*kept, *step.asks)


def _advance(call: Call, step: Step) -> Call:
    if call.id in step.started:
        rule = step.rules.get(call.id, "")
        call = replace(call, state=CallState.STARTED, started_at=step.at, rule=rule)
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
