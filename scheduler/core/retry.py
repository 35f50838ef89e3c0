"""Retry: how long to wait after a transient failure, and when to give up."""

from __future__ import annotations

BLIP_SECONDS = 30.0
"""A wait up to this long is slept through in the process; a longer one becomes a durable wake-up."""

FIRST_SECONDS = 30.0
LONGEST_SECONDS = 30 * 60.0


def backoff_seconds(failures: int, retry_after_seconds: float | None = None) -> float:
    """Return how many seconds to wait after the ``failures``-th failure in a row (from 1).

    30 s, doubling up to 30 min; a server that asked for more is obeyed.
    """
    ours = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** (max(failures, 1) - 1))
    return max(ours, retry_after_seconds or 0.0)
