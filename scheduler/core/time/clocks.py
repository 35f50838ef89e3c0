"""Compare the clocks of a machine to detect a set clock or a suspend.

There are three clocks (clock_gettime(2)): REALTIME can be set, BOOTTIME continues during a
suspend and is never set, MONOTONIC stops while the machine is suspended.  What REALTIME gains on
BOOTTIME between two readings is how far it was set; what BOOTTIME gains on MONOTONIC is the length of a
suspend.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

TOLERANCE_SECONDS = 2.0
"""The tolerance for a slewing time service (500 ppm at most, adjtimex(2)) and the delay between readings."""

JumpKind = Literal["set_forward", "set_back", "suspended"]


@dataclass(frozen=True, slots=True)
class Reading:
    """All three clocks at one moment.

    Args:
        now: REALTIME, aware UTC.
        boot_seconds: BOOTTIME; only differences mean anything.
        awake_seconds: MONOTONIC; the same as ``boot_seconds`` if the platform has no such pair.
    """

    now: datetime
    boot_seconds: float
    awake_seconds: float


@dataclass(frozen=True, slots=True)
class Jump:
    """A period that was skipped, or that occurred twice.

    Args:
        before: what the clock would have shown without the jump (for a suspend: when it began).
        at: what it shows since.
        seconds: how far it was set or how long the machine was suspended; never negative.
    """

    kind: JumpKind
    before: datetime
    at: datetime
    seconds: float


def jump_between(earlier: Reading, later: Reading) -> Jump | None:
    """Return what happened to the clocks between two readings, or None if nothing is worth a record.

    A machine whose clock is set while it wakes up is reported as suspended: the size is what counts.
    """
    boot = later.boot_seconds - earlier.boot_seconds
    asleep = boot - (later.awake_seconds - earlier.awake_seconds)
    was_set = (later.now - earlier.now).total_seconds() - boot
    if abs(was_set) > TOLERANCE_SECONDS and abs(was_set) >= asleep:
        kind: JumpKind = "set_forward" if was_set > 0 else "set_back"
        return Jump(kind, later.now - timedelta(seconds=was_set), later.now, abs(was_set))
    if asleep > TOLERANCE_SECONDS:
        return Jump("suspended", later.now - timedelta(seconds=asleep), later.now, asleep)
    return None


def jump_since(newest: datetime | None, now: datetime) -> Jump | None:
    """Return how far the clock was set back while no daemon ran, judged by the newest instant on record."""
    if newest is None or (newest - now).total_seconds() <= TOLERANCE_SECONDS:
        return None
    return Jump("set_back", newest, now, (newest - now).total_seconds())
