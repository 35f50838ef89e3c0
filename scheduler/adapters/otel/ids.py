"""The ids of traces and spans: derived from the run, so that whoever goes on with it knows them."""

from __future__ import annotations

import hashlib

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from scheduler.core.run import Run


class RunIds(RandomIdGenerator):
    """Random ids, but for the next span when it is an attempt's."""

    def __init__(self) -> None:
        self._next: tuple[int, int] | None = None

    def begin(self, run: Run) -> None:
        """Let the next span be the one of the run's present attempt."""
        self._next = (trace_id(run), attempt_span_id(run, run.epoch))

    def generate_trace_id(self) -> int:
        """Return the id of a trace that begins."""
        return super().generate_trace_id() if self._next is None else self._next[0]

    def generate_span_id(self) -> int:
        """Return the id of a span that begins; asked for after the trace's."""
        if self._next is None:
            return super().generate_span_id()
        span, self._next = self._next[1], None
        return span


def trace_id(run: Run) -> int:
    """Return the id of the trace of a run: the same in every process, for as long as the run lives."""
    return int.from_bytes(_digest(run, "trace")[:16]) or 1


def attempt_span_id(run: Run, epoch: int) -> int:
    """Return the id of the span of one attempt."""
    return int.from_bytes(_digest(run, f"attempt {epoch}")[:8]) or 1


def _digest(run: Run, what: str) -> bytes:
    # Ids of runs are unique in their own home only; no two homes make the same one at the same microsecond.
    return hashlib.sha256(f"agentcron {run.id} {run.created_at.timestamp():.6f} {what}".encode()).digest()
