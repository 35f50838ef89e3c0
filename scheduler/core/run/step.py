"""A step: everything that one commit changes.  Its spine is the run itself; guards and changes are open.

A guard is a precondition that is checked in the commit, so that nothing is written on outdated facts.  A
change is what a capability writes together with the step: a message to the owner, a follow-up, a
question.  Each kind of change has its own module (``core.changes``, or a plug-in) and its own writer
in the store (``agentcron.changes``).
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
    """What is the same in every request of a run, pinned at its first step for the prompt cache.

    Args:
        pins: by name, the declaration of each tool at that time; None if an older version began the run.
    """

    model: str
    system: str
    tools: tuple[Mapping[str, Any], ...]
    pins: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of one call."""

    call_id: str = field(metadata=OURS)
    state: CallState = field(metadata=OURS)
    content: str | tuple[Block, ...]
    provenance: str = field(default="own", metadata=OURS)
    rule: str = field(default="", metadata=OURS)


class Guard(Protocol):
    """A precondition of a step: if it does not hold at the commit, nothing is written.

    A guard is a frozen dataclass.  The store selects the check by its kind.
    """

    @property
    def kind(self) -> str:
        """The kind of the guard."""
        ...


class Change(Protocol):
    """Something that a step writes in addition to its run, in the same commit.

    A change is a frozen dataclass.  Its texts may come from a model or a tool, so known secrets are removed
    from them; fields with our own ids and words are declared with the metadata ``OURS``.
    """

    @property
    def kind(self) -> str:
        """The kind, which selects its writer in the store and its part of the checkpoint."""
        ...

    def fold(self, part: Any) -> Any:
        """Return this kind's part of the checkpoint after the change.

        It is called only if the part was read.

        Args:
            part: its value before.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Everything that one step changes: written in one transaction, or not at all.

    Args:
        at: the instant of the step (aware UTC).
        move: the transition of the run, or None if it keeps running.  Every move but None releases
            the lease in the same transaction.
        keep_attempt: false hands the attempt back (shutdown).
        frame: pinned by the first step, and again when a person resumes a run whose tools have changed.
        messages: appended; their seq must follow the stored ones.
        planned: new rows of the call journal.
        external: planned calls that act outside whatever their class: recorded like an effect.
        started: call ids that become ``started``, planned ones included: durable before their effect.
        again: ids of ``started`` calls that are started once more, as their effect class allows: a record.
        taken_back: ids of calls that become ``planned`` again: they were started, and certainly have not
            acted.
        waiting: call ids that become ``waiting`` (the open sleep).
        results: calls that get their result.
        rules: by call id, the rule that allows the started ones to act.
        marks: the run's marks from now on; None: unchanged.
        opened: the request that is about to be sent.
        closed: the request that was answered or failed, by its number.
        wakeups: what the run waits for from now on.
        told: true if the agent was told why it woke, so that ``Woken`` can be deleted.
        new_step: contains an answer of the model: it counts towards ``max-steps``.
        guards: conditions that must hold, or nothing of the step is written.
        changes: what capabilities write with it, in this order.
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
