"""Derive the ids of traces and spans from the run, so that any process can compute them."""

from __future__ import annotations

import hashlib
from datetime import datetime

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator


class RunIds(RandomIdGenerator):
    """Random ids, except for the next span if it is an attempt's."""

    def __init__(self) -> None:
        self._next: tuple[int, int] | None = None

    def begin(self, run_id: str, created_at: datetime, epoch: int) -> None:
        """Use the id of this attempt for the next span."""
        self._next = (trace_id(run_id, created_at), attempt_span_id(run_id, created_at, epoch))

    def generate_trace_id(self) -> int:
        """Return the id of a new trace."""
        return super().generate_trace_id() if self._next is None else self._next[0]

    def generate_span_id(self) -> int:
        """Return the id of a new span; called after the trace's."""
        if self._next is None:
            return super().generate_span_id()
        span, self._next = self._next[1], None
        return span


def trace_id(run_id: str, created_at: datetime) -> int:
    """Return the id of the trace of a run: the same in every process, for the life of the run."""
    return int.from_bytes(_digest(run_id, created_at, "trace")[:16]) or 1


def attempt_span_id(run_id: str, created_at: datetime, epoch: int) -> int:
    """Return the id of the span of one attempt."""
    return int.from_bytes(_digest(run_id, created_at, f"attempt {epoch}")[:8]) or 1


def _digest(run_id: str, created_at: datetime, what: str) -> bytes:
    # Ids of runs are unique only in their home; two homes do not create the same one in the same microsecond.
    return hashlib.sha256(f"agentcron {run_id} {created_at.timestamp():.6f} {what}".encode()).digest()
