"""A step: all that one commit changes.  Its spine is the run itself; guards and changes are open.

A guard is a precondition that the commit looks at, so that nothing is written on facts that are over.  A
change is what a capability writes together with the step: a message to the owner, a job for later, a
question.  Each kind of change is a room of its own (``core.changes``, or a plug-in), and so is how it is
stored (``agentcron.changes`` names its writer).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from scheduler.core.run.conversation import Block, Call, CallState, Message, Request
from scheduler.core.run.run import Move, Outcome
from scheduler.core.run.wakeup import WakeUp
from scheduler.core.text.redact import OURS
from scheduler.core.trust.marks import Marks


@dataclass(frozen=True, slots=True)
class Frame:
    """What stays the same in every request of a run, pinned at its first step for the prompt cache.

    Args:
        pins: by name, what each tool declared then; None when a version began the run that pinned nothing.
    """

    model: str
    system: str
    tools: tuple[Mapping[str, Any], ...]
    pins: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CallResult:
    """What became of one call."""

    call_id: str = field(metadata=OURS)
    state: CallState = field(metadata=OURS)
    content: str | tuple[Block, ...]
    provenance: str = field(default="own", metadata=OURS)
    rule: str = field(default="", metadata=OURS)


class Guard(Protocol):
    """A precondition of a step: when it does not hold at the commit, nothing is written.

    A guard is a frozen dataclass.  The store knows by its kind what to look at.
    """

    @property
    def kind(self) -> str:
        """Which kind of guard it is."""
        ...


class Change(Protocol):
    """Something that a step writes beside its run, in the same commit.

    A change is a frozen dataclass.  Its texts may be a model's or a tool's, so known secrets are taken out of
    them; fields with ids and words of our own are declared with the metadata ``OURS``.
    """

    @property
    def kind(self) -> str:
        """Which room it belongs to: the store finds its writer by it, the checkpoint its part."""
        ...

    def fold(self, part: Any) -> Any:
        """Return the part of the checkpoint that belongs to this kind, as it is after the change.

        It is asked only where the part was read.

        Args:
            part: what it was before.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Everything that one step changes: written in one transaction, or not at all.

    Args:
        at: the instant of the step (aware UTC).
        move: the transition of the run, or None when it goes on running.  Every move but None releases
            the lease in the same transaction.
        keep_attempt: false hands the attempt back (shutdown).
        frame: pinned by the first step, and again when a person resumes a run whose tools have changed.
        messages: appended; their seq must follow the stored ones.
        planned: new rows of the call journal.
        external: planned calls that act outside whatever their class: recorded as an effect is.
        started: call ids that become ``started``, planned ones included: durable before their effect.
        again: call ids of ``started`` ones that are begun once more, as their effect class allows: a record.
        taken_back: call ids that become ``planned`` again: they were started, and certainly have not acted.
        waiting: call ids that become ``waiting`` (the open sleep).
        results: calls that get their result.
        rules: by call id, what lets the started ones act.
        marks: what the run has met and done from now on; None: nothing new.
        opened: the request that is about to be sent.
        closed: the request that was answered or failed, by its number.
        wakeups: what the run waits for from now on.
        told: true when the agent was told why it woke, so that ``Woken`` may be forgotten.
        new_step: counts towards ``max-steps``.
        guards: what must hold, or nothing of the step is written.
        changes: what other rooms write with it, in this order.
    """

    at: datetime
    move: Move | None = None
    reason: str = ""
    reason_code: str = field(default="", metadata=OURS)
    waiting_for: str = ""
    outcome: Outcome | None = field(default=None, metadata=OURS)
    summary: str = ""
    keep_attempt: bool = True
    frame: Frame | None = None
    messages: tuple[Message, ...] = ()
    planned: tuple[Call, ...] = ()
    external: tuple[str, ...] = field(default=(), metadata=OURS)
    started: tuple[str, ...] = field(default=(), metadata=OURS)
    again: tuple[str, ...] = field(default=(), metadata=OURS)
    taken_back: tuple[str, ...] = field(default=(), metadata=OURS)
    waiting: tuple[str, ...] = field(default=(), metadata=OURS)
    results: tuple[CallResult, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict, metadata=OURS)
    marks: Marks | None = field(default=None, metadata=OURS)
    opened: Request | None = None
    closed: Request | None = None
    wakeups: tuple[WakeUp, ...] = ()
    told: bool = False
    new_step: bool = False
    guards: tuple[Guard, ...] = field(default=(), metadata=OURS)
    changes: tuple[Change, ...] = ()
