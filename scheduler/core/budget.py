"""Budgets: the local day that one holds for, and what an answer of unknown price counts as."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from scheduler.core.conversation import Usage
from scheduler.core.instants import zone

ASSUMED_USD_PER_MILLION_TOKENS = 15
"""What a token of a model counts as whose price nobody knows: the budget becomes a cap on tokens."""


def assumed_microusd(usage: Usage) -> int:
    """Return what an answer of unknown price takes off the budget, in millionths of a dollar."""
    tokens = usage.input_tokens + usage.output_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    return tokens * ASSUMED_USD_PER_MILLION_TOKENS


def day_start(now: datetime, tz: str) -> datetime:
    """Return the first instant (UTC) of the local day that ``now`` lies in."""
    return _midnight(now, tz, 0)


def next_local_day(now: datetime, tz: str) -> datetime:
    """Return the first instant (UTC) of the next local day in ``tz``."""
    return _midnight(now, tz, 1)


def _midnight(now: datetime, tz: str, days: int) -> datetime:
    there = zone(tz)
    day = now.astimezone(there).date() + timedelta(days=days)
    # Where midnight itself falls into a gap, the offset before it points at the gap's end.
    return datetime.combine(day, time(), tzinfo=there).astimezone(UTC)
