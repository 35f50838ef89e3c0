"""Failures: what an error that ended an attempt means for its run, in one word and one sentence."""

from __future__ import annotations

import logging

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.turn import Fail, Park
from scheduler.errors import AgentcronError, BadRowError, ConfigError, DayLogError, PartError

log = logging.getLogger("agentcron")


def first_of(error: BaseException) -> BaseException:
    """Return the first error of a group, or the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def parking(error: ConfigError | DayLogError) -> Park:
    """Return how a run is parked when something outside of it keeps its calls from beginning."""
    if isinstance(error, DayLogError):
        return Park(ReasonCode.LOG, error.message)
    if isinstance(error, PartError):
        return unusable_tool(error)
    return Park(ReasonCode.TRUST, error.message)


def unusable_tool(error: ConfigError) -> Park:
    """Return how a run is parked whose tools, or whose backend, cannot be used now."""
    # They were usable when the job was loaded, and may be again: an upgrade takes a plug-in away for a while,
    # and a service is down for a while.
    return Park(ReasonCode.TOOL, f"{error.message}; install or repair what provides it, or cancel the run")


def failure(run_id: str, error: BaseException) -> Fail:
    """Return how a run fails of an error; what is a fault of ours goes to the log with its trace."""
    if isinstance(error, BadRowError):
        # Begun again, it would come to this again, and pay for it.
        log.error("run %s: internal error: %s", run_id, error)
        return Fail(ReasonCode.INTERNAL, f"internal error: {error.message}")
    if isinstance(error, AgentcronError):
        return Fail(ReasonCode.CONFIG, error.message)
    if isinstance(error, RecursionError):
        return Fail(ReasonCode.ANSWER, "what the model or a tool gave is nested too deeply to be kept")
    if isinstance(error, OSError):
        return Fail(ReasonCode.SYSTEM, f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    log.error("run %s: internal error", run_id, exc_info=error)
    return Fail(ReasonCode.INTERNAL, f"internal error: {type(error).__name__}: {error}")
