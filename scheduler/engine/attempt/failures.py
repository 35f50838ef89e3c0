"""Decide what an error or an interruption of an attempt means for its run.

``verdict_of`` decides and writes nothing; ``rests.carry_out`` writes the verdict.  Our own loop, the desk
and the attempt all use it, so that an error means the same with every backend.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run import reasons
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.reasons import Ends
from scheduler.core.run.retry import TRANSIENT, BackOff, after_fault
from scheduler.core.run.run import State
from scheduler.core.run.turn import NO_ROOM, Compact, Fail, Park, part
from scheduler.core.run.window import latest_cut
from scheduler.engine.settings import Settings
from scheduler.errors import (
    AgentcronError,
    BadRowError,
    CannotWorkError,
    ConfigError,
    DayLogError,
    FactsChangedError,
    HaltedError,
    LostLeaseError,
    ModelFault,
    OverBudgetError,
    PartError,
    StoreError,
)
from scheduler.ports.backend import Interruption


class Doing(Enum):
    """The phase of an attempt: a ConfigError of the trust file and one of a model have different meanings."""

    OPENING = auto()
    """Loading the backend and the tools."""
    PROFILE = auto()
    """Reading the rights of the job, before anything is begun."""
    CALLS = auto()
    """Judging calls and beginning them."""
    REQUEST = auto()
    """Sending a request to the model."""
    SUMMARY = auto()
    """Sending a request for a summary that the conversation needs to fit."""
    OTHER = auto()


class Leave(Enum):
    """Nothing is written, and nothing more may be done."""

    LOST = auto()
    """Another runner has the run."""
    OWED = auto()
    """The database cannot be written: the lease is handed back later."""


@dataclass(frozen=True, slots=True)
class Release:
    """The run is handed back, and continues later where it was."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The run is cancelled, as a person requested."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """The checkpoint is read again, and the step decided again: the facts have changed."""


Verdict: TypeAlias = Park | Fail | BackOff | Release | Cancel | LookAgain | Compact
"""The reaction to an error."""


def verdict_of(
    error: BaseException | None,
    checkpoint: Checkpoint,
    settings: Settings,
    doing: Doing = Doing.OTHER,
    interruption: Interruption | None = None,
) -> Verdict | Leave | None:
    """Return what an error means for its run; None if there is nothing left to do.

    Args:
        error: the error that ended the attempt or a step of it; of a group the first one counts.  None: it
            returned.
        interruption: why the attempt was ended from outside, if it was.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, LostLeaseError) or interruption == "lost":
        return Leave.LOST
    if isinstance(error, StoreError) and not isinstance(error, BadRowError):
        return Leave.OWED
    if checkpoint.run.state is not State.RUNNING:
        return None
    match interruption:
        case "stop":
            return Release()
        case "cancel":
            return Cancel()
        case "timeout":
            seconds = checkpoint.job.timeout_seconds
            return Fail(ReasonCode.TIMEOUT, f"the attempt took longer than {seconds} s, its limit")
    if error is None:
        # Otherwise its lease would run out, and other runners would count a crash.
        return Fail(ReasonCode.INTERNAL, "its backend left the run neither over nor at rest")
    if isinstance(error, AgentcronError):
        return _of_ours(error, checkpoint, settings, doing)
    return _of_others(error, doing)


def _of_ours(error: AgentcronError, checkpoint: Checkpoint, settings: Settings, doing: Doing) -> Verdict:
    """Return what one of our errors means; any other fails the run."""
    match error:
        case ModelFault():
            return _of_fault(error, checkpoint, doing)
        case OverBudgetError():
            return _of_cap(error, settings)
        case HaltedError():
            return Release()
        case FactsChangedError() if doing is Doing.CALLS:
            return LookAgain()
        case DayLogError():
            return Park(ReasonCode.LOG, error.message)
        case BadRowError():
            # A retry would end the same way, and cost money.
            return Fail(ReasonCode.INTERNAL, f"internal error: {error.message}")
        case ConfigError() if doing is Doing.OPENING or isinstance(error, PartError):
            # They existed when the job was loaded, and may exist again: an upgrade removes a plug-in for a
            # while, and a service is down for a while.
            why = f"{error.message}; install or repair what provides it, or cancel the run"
            return Park(ReasonCode.TOOL, why)
        case ConfigError() if doing in (Doing.PROFILE, Doing.CALLS):
            return Park(ReasonCode.TRUST, error.message)  # an unreadable policy allows nothing
        case ConfigError() | CannotWorkError() if doing in (Doing.REQUEST, Doing.SUMMARY):
            return Park(ReasonCode.KEY, error.message)
    return Fail(ReasonCode.CONFIG, error.message)


def _of_fault(fault: ModelFault, checkpoint: Checkpoint, doing: Doing) -> Verdict:
    if doing is Doing.REQUEST and fault.kind == "too_long":
        covers = latest_cut(checkpoint.messages)
        if covers is not None:
            return Compact(covers, must=True)
    if doing is Doing.SUMMARY and fault.kind in ("too_long", "invalid", "unknown"):
        return no_summary(fault.message)
    if fault.kind in TRANSIENT and not checkpoint.failures:
        # A backend that sends its own requests has recorded none as failed: without a count it would be
        # retried without end.
        return Fail(ReasonCode.MODEL, fault.message)
    return after_fault(fault, checkpoint.failures, checkpoint.job.retries)


def no_summary(why: str) -> Fail:
    """Return the verdict on a run whose conversation does not fit, and cannot be summarised."""
    return Fail(ReasonCode.CONTEXT, f"{NO_ROOM}: {why}")


def _of_cap(error: OverBudgetError, settings: Settings) -> Park | BackOff:
    """Return how a run waits for another day, or for a while if only requests in flight block it."""
    code = ReasonCode(error.code)
    if error.spent < error.cap:
        held = part(error.out, "today's", error.cap, error.unit)
        reason = f"requests that are out hold {held}"
        return BackOff(code, settings.room_seconds, reason, waiting_for="other runs")
    whose = "all jobs have" if reasons.find(code).ends is Ends.FLEET_DAY else "the job has"
    spent = part(error.spent, "today's", error.cap, error.unit)
    return Park(code, f"{whose} spent {spent}")


def _of_others(error: BaseException, doing: Doing) -> Park | Fail:
    """Return what an error of a plug-in, of the machine, or a bug means."""
    if doing is Doing.PROFILE:
        # An error while reading it allows nothing either, and must not end a run that can continue later.
        return Park(ReasonCode.TRUST, f"its profile cannot be told: {error}")
    if isinstance(error, asyncio.CancelledError):
        # Not by us: a library has cancelled the task in which it was called.
        return Fail(ReasonCode.INTERNAL, "its backend was cancelled from within")
    if isinstance(error, RecursionError):
        return Fail(ReasonCode.ANSWER, "what the model or a tool gave is nested too deeply to be kept")
    if isinstance(error, OSError):
        return Fail(ReasonCode.SYSTEM, f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    return Fail(ReasonCode.INTERNAL, f"internal error: {type(error).__name__}: {error}")
