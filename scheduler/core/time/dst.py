"""Convert slots on the wall clock to instants and back, on days on which the clocks change.

A cron expression defines *slots*: minutes on a wall clock. Twice a year most wall clocks jump. Then some
slots do not exist (a gap, in spring) and some exist twice (an overlap, in autumn). Three rules define what
happens to them:

=========  ==============================  ===========================
rule       slot in a gap                   slot in an overlap
=========  ==============================  ===========================
once       one fire at the end of the gap  the first pass
elapsed    nothing                         both passes
skip       nothing                         the first pass
=========  ==============================  ===========================

``once`` and ``elapsed`` are what cronie and Debian's cron(8) do with fixed-time and wildcard jobs. As
there, a jump of more than three hours is a correction of the clock and not daylight saving: ``once`` ignores
the slots of such a gap (Samoa skipped 30 December 2011) and takes both passes of such an overlap.

`zoneinfo` has no list of transitions, but it supports ``fold=0`` and ``fold=1``; if the two offsets
differ, the wall clock is in a gap or an overlap (PEP 495), and the edge is found by bisection.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

Dst = Literal["once", "elapsed", "skip"]

MAX_SHIFT = timedelta(hours=3)
_MOMENT = timedelta(microseconds=1)


class Slots(Protocol):
    """The slots of a schedule on the wall clock; all datetimes here are naive."""

    def first_from(self, wall: datetime) -> datetime | None:
        """The first slot at or after ``wall``, or None."""
        ...

    def last_until(self, wall: datetime) -> datetime | None:
        """The last slot at or before ``wall``, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Shift:
    """One jump of a zone's wall clock: at ``instant`` (UTC) it goes from ``old`` to ``new`` (naive)."""

    instant: datetime
    old: datetime
    new: datetime

    @property
    def is_gap(self) -> bool:
        """True if the clock jumps forward, so that the slots from ``old`` to ``new`` do not exist."""
        return self.new > self.old

    @property
    def is_correction(self) -> bool:
        """True for a jump that is too large to be daylight saving."""
        return abs(self.new - self.old) > MAX_SHIFT


def shift_at(wall: datetime, zone: ZoneInfo) -> Shift | None:
    """The gap or overlap of a naive wall clock, or None if it names exactly one instant."""
    first = wall.replace(tzinfo=zone, fold=0).utcoffset()
    second = wall.replace(tzinfo=zone, fold=1).utcoffset()
    if first == second or first is None or second is None:
        return None
    utc = wall.replace(tzinfo=UTC)
    early, late = utc - max(first, second), utc - min(first, second)  # the edge is in (early, late]
    old = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle <= early:
            break
        if middle.astimezone(zone).utcoffset() == old:
            early = middle
        else:
            late = middle
    edge = late.replace(microsecond=0)
    naive = edge.replace(tzinfo=None)
    return Shift(edge, naive + first, naive + second)  # fold=0 is the time before the jump


def instant_of(wall: datetime, zone: ZoneInfo, fold: int = 0) -> datetime:
    """The instant, in UTC, of a naive wall clock that exists; ``fold=1`` is the second pass of an overlap."""
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def settle(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, that a person means by a naive wall clock: the gap's end, the first pass."""
    shift = shift_at(wall, zone)
    return shift.instant if shift is not None and shift.is_gap else instant_of(wall, zone)


def next_instant(slots: Slots, zone: ZoneInfo, after: datetime, rule: Dst) -> datetime | None:
    """The first instant (UTC) strictly after an aware one at which the slots fire, or None."""
    here = after.astimezone(zone)
    wall = here.replace(tzinfo=None, fold=0)
    begin = wall + _MOMENT
    overlap = shift_at(wall, zone)  # a real instant is never in a gap
    if overlap is not None:
        for fold in _passes(overlap, rule):
            if fold >= here.fold:
                slot = slots.first_from(begin if fold == here.fold else overlap.new)
                if slot is not None and slot < overlap.old:
                    return instant_of(slot, zone, fold)
        begin = overlap.old
    while (slot := slots.first_from(begin)) is not None:
        shift = shift_at(slot, zone)
        if shift is None or not shift.is_gap:
            return instant_of(slot, zone)
        if _made_up(shift, rule):
            return shift.instant
        begin = shift.new
    return None


def last_instant(slots: Slots, zone: ZoneInfo, until: datetime, rule: Dst) -> datetime | None:
    """The last instant (UTC) at or before an aware one at which the slots fired, or None."""
    here = until.astimezone(zone)
    wall = here.replace(tzinfo=None, fold=0)
    end = wall
    overlap = shift_at(wall, zone)
    if overlap is not None:
        for fold in reversed(_passes(overlap, rule)):
            if fold <= here.fold:
                slot = slots.last_until(end if fold == here.fold else overlap.old - _MOMENT)
                if slot is not None and slot >= overlap.new:
                    return instant_of(slot, zone, fold)
        end = overlap.new - _MOMENT
    while (slot := slots.last_until(end)) is not None:
        shift = shift_at(slot, zone)
        if shift is None:
            return instant_of(slot, zone)
        if not shift.is_gap:
            return instant_of(slot, zone, _passes(shift, rule)[-1])
        if _made_up(shift, rule):
            return shift.instant
        end = shift.old - _MOMENT
    return None


def _passes(overlap: Shift, rule: Dst) -> tuple[int, ...]:
    return (0, 1) if rule == "elapsed" or overlap.is_correction else (0,)


def _made_up(gap: Shift, rule: Dst) -> bool:
    return rule == "once" and not gap.is_correction
