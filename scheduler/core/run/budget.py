"""Budgets: the local day that a cap applies to, and the assumed cost of an unknown price."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from scheduler.core.run.conversation import Usage
from scheduler.core.time.instants import zone
from scheduler.errors import ConfigError

ASSUMED_USD_PER_MILLION_TOKENS = 15
"""The cost of a token if the price of its model is unknown: the budget becomes a cap on tokens."""


def assumed_microusd(usage: Usage) -> int:
    """Return what an answer of unknown price costs, in millionths of a dollar."""
    return usage.tokens * ASSUMED_USD_PER_MILLION_TOKENS


_TOKENS = re.compile(r"(\d{1,9}(?:\.\d{1,4})?)([kKmM]?)tok\Z")
_SIZES = {"": 1, "k": 1_000, "m": 1_000_000}


def read_tokens(text: str) -> int:
    """Return the number of tokens of ``200ktok``, ``1.5Mtok`` or ``500tok``.

    Raises:
        ConfigError: it is not a number of tokens, or not a whole one.
    """
    match = _TOKENS.match(text)
    number = Decimal(match[1]) * _SIZES[match[2].lower()] if match and text.isascii() else None
    if number is None or number != int(number):
        raise ConfigError(f'"{text}" is not a number of tokens', help="for example 200ktok or 1.5Mtok")
    return int(number)


def write_tokens(number: int) -> str:
    """Return the shortest text that ``read_tokens`` parses: ``200ktok``, ``2Mtok``, ``1234tok``."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number and not number % size:
            return f"{number // size}{letter}tok"
    return f"{number}tok"


FLEET_ZONE = "UTC"
"""Jobs have their own zones; all of them together share the day of this zone."""


@dataclass(frozen=True, slots=True)
class DayCap:
    """The spending of all runs of a job on its present local day; money in millionths of a dollar."""

    microusd: int
    since: datetime
    tokens: int | None = None


def day_start(now: datetime, tz: str) -> datetime:
    """Return the first instant (UTC) of the local day of ``now``."""
    return _midnight(now, tz, 0)


def next_local_day(now: datetime, tz: str) -> datetime:
    """Return the first instant (UTC) of the next local day in ``tz``."""
    return _midnight(now, tz, 1)


def _midnight(now: datetime, tz: str, days: int) -> datetime:
    there = zone(tz)
    day = now.astimezone(there).date() + timedelta(days=days)
    # If midnight itself is in a gap, the offset before the gap gives the gap's end.
    return datetime.combine(day, time(), tzinfo=there).astimezone(UTC)
