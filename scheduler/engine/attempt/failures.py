"""Failures: what an error that ended an attempt means for its run, in one word and one sentence."""

from __future__ import annotations

import logging

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.turn import Fail
from scheduler.errors import AgentcronError, BadRowError

log = logging.getLogger("agentcron")


def first_of(error: BaseException) -> BaseException:
    """Return the first error of a group, or the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


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
