"""A run, its states and its moves: every transition lives in this file's table and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from scheduler.core.run.cause import Cause
from scheduler.core.trust.marks import NO_MARKS, Marks
from scheduler.errors import RefusedError


class State(StrEnum):
    """Where a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    SLEEPING = "sleeping"
    PARKED = "parked"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.SKIPPED})
"""Nothing moves these but a person."""

LIVE = frozenset(State) - FINAL

RESTING = frozenset({State.SLEEPING, State.PARKED, State.RETRYING})
"""A wake-up or a person ends these."""

BLOCKED = RESTING - {State.SLEEPING}
"""Resting because something is in the way, and not by the wish of the agent."""

ACTIVE = LIVE - RESTING
"""A runner works on these, or takes them next."""

RESUMABLE = frozenset({State.FAILED, State.CANCELLED})
"""Final, and a person may let them go on from their last step."""


class Move(StrEnum):
    """What may happen to a run."""

    FIRE = "fire"
    SKIP = "skip"
    QUIET = "quiet"
    CLAIM = "claim"
    SUSPEND = "suspend"
    FINISH = "finish"
    FAIL = "fail"
    BACK_OFF = "back_off"
    RELEASE = "release"
    RESCUE = "rescue"
    BURY = "bury"
    PARK = "park"
    WAKE = "wake"
    EXPIRE = "expire"
    RESTORE = "restore"
    CANCEL = "cancel"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of the table: who moves a run from one of ``sources`` to ``target``, and what to know."""

    move: Move
    sources: frozenset[State]
    target: State
    by: str
    note: str


def _t(move: Move, sources: Iterable[State], target: State, by: str, note: str) -> Transition:
    return Transition(move, frozenset(sources), target, by, note)


TRANSITIONS: tuple[Transition, ...] = (
    _t(
        Move.FIRE,
        set(),
        State.QUEUED,
        "tick, person",
        "one row per job and fire time, or key of its cause; unique",
    ),
    _t(Move.SKIP, set(), State.SKIPPED, "tick", "stores its reason: misfire, overlap, paused"),
    _t(Move.QUIET, {State.RUNNING}, State.SKIPPED, "executor", "the gate said no; no model call was made"),
    _t(Move.CLAIM, {State.QUEUED}, State.RUNNING, "runner", "lease, epoch + 1; a wake from sleep is free"),
    _t(
        Move.SUSPEND,
        {State.RUNNING},
        State.SLEEPING,
        "executor",
        "messages, wake-up and the lease's release in one transaction",
    ),
    _t(Move.FINISH, {State.RUNNING}, State.SUCCEEDED, "executor", "the agent reported done or nothing to do"),
    _t(Move.FAIL, {State.RUNNING}, State.FAILED, "executor", "permanent error, or out of retries; resumable"),
    _t(
        Move.BACK_OFF,
        {State.RUNNING},
        State.RETRYING,
        "executor",
        "transient error; a durable wake-up, no process waits for it",
    ),
    _t(Move.RELEASE, {State.RUNNING}, State.QUEUED, "runner", "shutdown; the attempt is handed back"),
    _t(Move.RESCUE, {State.RUNNING}, State.QUEUED, "tick", "the lease ran out or its runner died"),
    _t(Move.BURY, {State.RUNNING}, State.FAILED, "tick", "the lease ran out too often: a dead letter"),
    _t(Move.PARK, {State.RUNNING}, State.PARKED, "executor", "needs a person or another day; has a deadline"),
    _t(
        Move.WAKE,
        RESTING,
        State.QUEUED,
        "tick, person",
        "the first wake-up wins, the others are dropped",
    ),
    _t(Move.EXPIRE, {State.PARKED}, State.FAILED, "tick", "not resumed before the deadline; resumable"),
    _t(
        Move.RESTORE,
        LIVE,
        State.PARKED,
        "store",
        "restored from a backup: what the run did since is unknown; a sleep that is not over continues",
    ),
    _t(
        Move.CANCEL,
        LIVE,
        State.CANCELLED,
        "person, executor",
        "a running run gets a flag, which its next step obeys",
    ),
    _t(Move.RETRY, RESUMABLE, State.QUEUED, "person", "from the last checkpoint"),
)

_BY_MOVE = {line.move: line for line in TRANSITIONS}


def transition(move: Move) -> Transition:
    """Return the table's line for ``move``."""
    return _BY_MOVE[move]


def after(state: State | None, move: Move) -> State:
    """Return the state that ``move`` leads to from ``state`` (None: there is no run yet).

    Raises:
        RefusedError: the table has no such transition.
    """
    line = _BY_MOVE[move]
    if (state is None and not line.sources) or state in line.sources:
        return line.target
    raise RefusedError(f"a run that is {state or 'not there'} cannot {move.value.replace('_', ' ')}")


Outcome = Literal["done", "nothing_to_do", "failed"]


@dataclass(frozen=True, slots=True)
class Run:
    """One activation of a job, as it is stored; instants are aware UTC, money is in millionths of a dollar.

    ``fire_time`` is the planned instant; ``missed`` counts the earlier slots that this run stands for too,
    the last of them at ``last_missed``.  ``not_before`` holds a queued run back (jitter, catch-up).
    ``reason`` says in one sentence why the run is skipped, parked, retrying, failed or cancelled, and
    ``reason_code`` says it in one word; ``core.run.reasons`` has the table of them.
    ``wake_at`` is the earliest open wake-up, ``waiting_for`` says in words what is waited for.
    ``attempts`` counts the claims since the last sleep: the first, and one for every crash.  A claim that was
    handed back, or that follows a back-off or a parking, is free.
    ``tokens`` counts those of all its requests, in, out, and of the cache.
    ``marks`` says what it has met and done that counts for trust.
    """

    id: str
    job: str
    state: State
    cause: Cause
    fire_time: datetime
    created_at: datetime
    epoch: int = 0
    attempts: int = 0
    not_before: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    wake_at: datetime | None = None
    waiting_for: str = ""
    reason: str = ""
    reason_code: str = ""
    outcome: Outcome | None = None
    summary: str = ""
    missed: int = 0
    last_missed: datetime | None = None
    cancel_requested: bool = False
    steps: int = 0
    cost_microusd: int = 0
    unknown_cost_requests: int = 0
    marks: Marks = NO_MARKS
    tokens: int = 0

    @property
    def is_final(self) -> bool:
        """Whether nothing will happen to this run unless a person resumes it."""
        return self.state in FINAL
