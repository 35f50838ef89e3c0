"""Decide what follows a failed request of the model: a retry, a wait, parking or failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.turn import NO_ROOM, Fail, Park
from scheduler.errors import ModelFault

BLIP_SECONDS = 30.0
"""A wait up to this long stays in the process; a longer one becomes a durable wake-up."""

BLIP_TRIES = 3
"""Requests of one step before it backs off durably."""

FIRST_SECONDS = 30.0
LONGEST_SECONDS = 30 * 60.0

LONGEST_ASKED_SECONDS = 24 * 3600.0
"""The longest wait that a server can request: a broken header must not delay a run for years."""

TRANSIENT = frozenset({"cut", "overloaded", "rate_limited"})


@dataclass(frozen=True, slots=True)
class BackOff:
    """Release the lease and retry in ``seconds``."""

    code: ReasonCode
    seconds: float
    reason: str
    waiting_for: str = "the next attempt"


AfterFault: TypeAlias = BackOff | Park | Fail


def backoff_seconds(failures: int, retry_after_seconds: float | None = None) -> float:
    """Return how many seconds to wait after the ``failures``-th failed attempt in a row (from 1).

    30 s, doubling up to 30 min; a longer wait requested by the server is respected, up to a day.
    """
    ours = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** (max(failures, 1) - 1))
    return max(ours, min(LONGEST_ASKED_SECONDS, retry_after_seconds or 0.0))


def is_blip(fault: ModelFault) -> bool:
    """Whether the same request may be sent again within seconds.

    Not for a rate limit without a stated wait: guessing would prolong it.
    """
    if fault.kind == "rate_limited":
        return fault.retry_after_seconds is not None and fault.retry_after_seconds <= BLIP_SECONDS
    return fault.kind in TRANSIENT and (fault.retry_after_seconds or 0.0) <= BLIP_SECONDS


def blip_seconds(fault: ModelFault, tries: int) -> float:
    """Return the short wait before the next request, after ``tries`` of them failed (from 1)."""
    return max(fault.retry_after_seconds or 0.0, 4.0 ** (tries - 1))


def after_fault(fault: ModelFault, failures: int, retries: int) -> AfterFault:
    """Decide about a run whose request failed after its short retries.

    Args:
        failures: failed attempts in a row, this one included.
        retries: how many the job allows.
    """
    what = fault.message
    if fault.kind in TRANSIENT:
        if failures > retries:
            return Fail(ReasonCode.MODEL, what if failures == 1 else f"{what} ({failures} attempts in a row)")
        return BackOff(ReasonCode(fault.kind), backoff_seconds(failures, fault.retry_after_seconds), what)
    if fault.kind == "auth":
        return Park(ReasonCode.AUTH, f"the API refuses the key: {what}")
    if fault.kind == "billing":
        return Park(ReasonCode.BILLING, f"the API requires payment: {what}")
    if fault.kind == "too_long":
        return Fail(ReasonCode.CONTEXT, f"{NO_ROOM}: {what}")
    if fault.kind == "invalid":
        return Park(ReasonCode.INVALID, f"the API refuses this conversation: {what}")
    return Park(ReasonCode.UNKNOWN_ANSWER, f"the API gave an answer of an unknown kind: {what}")
