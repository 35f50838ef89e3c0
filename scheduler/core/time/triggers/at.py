"""``@at 2026-12-01T09:00``: one instant."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from scheduler.core.text.english import WEEKDAYS
from scheduler.core.time.dst import settle, shift_at
from scheduler.core.time.fields import FieldProblem
from scheduler.core.time.instants import as_utc, describe_seconds, from_iso, to_iso, zone
from scheduler.core.time.triggers.base import Schedule, Trigger, place_of
from scheduler.errors import ConfigError

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:?\d\d)?\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")


@dataclass(frozen=True, slots=True)
class At(Trigger):
    """Fire once, at an aware instant; stored in UTC. ``text`` is the text of the crontab.

    Raises:
        ConfigError: the instant has no zone (E11).
    """

    kind = "at"
    word = "@at"
    takes_argument = True
    once = True

    instant: datetime
    text: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "instant", as_utc(self.instant))
        object.__setattr__(self, "text", self.text or to_iso(self.instant))

    @classmethod
    def parse(cls, text: str, tz: str = "UTC") -> At:
        """Parse ``2026-12-01T09:00`` on the wall clock of ``tz``, or an instant with its own offset or ``Z``.

        A wall clock in a gap means the gap's end, one in an overlap the first pass.

        Raises:
            ConfigError: it is not an ISO date with a time, or the zone is unknown (E11).
        """
        place = zone(tz)
        try:
            if len(text) <= len("2026-12-01"):
                raise ValueError("a date alone would silently mean midnight")
            read = datetime.fromisoformat(text)
            instant = settle(read, place) if read.tzinfo is None else read.astimezone(UTC)
        except (ValueError, OverflowError):
            hint = "write it as 2026-12-01T09:00"
            raise ConfigError(f"{text!r} is not an instant", code="E11", help=hint) from None
        return cls(instant, text)

    @classmethod
    def read(cls, schedule: Schedule) -> Self:
        """Parse the date and the time after the word, more strictly than ``parse``."""
        text = schedule.argument
        match = _INSTANT.match(text)
        if not match:
            hint = (
                f"for example @at {text}T09:00" if _DATE.match(text) else "for example @at 2026-12-01T09:00"
            )
            what = "has no time of day" if _DATE.match(text) else "is not a date and a time"
            raise ConfigError(f'"{text}" {what}', code="E11", help=hint)
        try:
            wall = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or ''}")
            return cls(wall.astimezone(UTC) if wall.tzinfo else settle(wall, zone(schedule.tz)), text)
        except (ValueError, OverflowError):
            raise ConfigError(f'there is no such day or time as "{text}"', code="E11") from None

    def next_after(self, instant: datetime) -> datetime | None:
        """The instant itself (UTC) if it is later than the given one, else None."""
        return self.instant if self.instant > as_utc(instant) else None

    def before(self, instant: datetime) -> datetime | None:
        """The instant itself (UTC) if it is not later than the given one, else None."""
        return self.instant if self.instant <= as_utc(instant) else None

    def first_fire(self, loaded: datetime) -> datetime:
        """The instant itself, also if it is past: the misfire rule applies, and it is not lost silently."""
        return self.instant

    def fires_per_day(self, now: datetime) -> float:
        """Once, or never."""
        return 1.0 if self.instant > now else 0.0

    def describe(self) -> str:
        """``@at`` and the instant as written."""
        return f"@at {self.text}"

    def explain(self, tz: str = "UTC") -> str:
        """In words."""
        wall = self.instant.astimezone(zone(tz))
        # Not strftime's %A, which depends on the locale.
        weekday = WEEKDAYS[wall.isoweekday() % 7]
        return f"once, at {wall:%H:%M} on {weekday} {wall:%Y-%m-%d} ({tz})"

    def clock_notes(self, now: datetime, tz: str = "UTC", months: int = 12) -> tuple[str, ...]:
        """The effect of a wall clock that does not exist, or exists twice."""
        try:
            wall = datetime.fromisoformat(self.text)
        except ValueError:
            return ()
        shift = shift_at(wall, zone(tz)) if wall.tzinfo is None else None
        if shift is None:
            return ()
        day, clock = f"{wall:%Y-%m-%d}", f"{wall:%H:%M}"
        if shift.is_gap:
            moved = f"clocks in {tz} move forward past {clock}; the job runs at {shift.new:%H:%M}"
        else:
            moved = f"clocks in {tz} move back and {clock} comes twice; the job runs in the first pass"
        return (f"on {day} {moved}",)

    def lint(self, now: datetime, tz: str, given: Collection[str]) -> Iterator[FieldProblem]:
        """W03 and W17."""
        if self.instant <= now:
            ago = describe_seconds((now - self.instant).total_seconds())
            message = f"this time was {ago} ago; if the job has not run, `catchup` and `window` decide"
            yield FieldProblem(
                "W17", message, "remove the line, or choose another time", *place_of(self.describe(), 1)
            )
        if "dst" not in given:
            for note in self.clock_notes(now, tz):
                yield FieldProblem("W03", note, "choose another time", *place_of(self.describe(), 1))

    def to_json(self) -> dict[str, Any]:
        """As the database has it."""
        return {"kind": "at", "instant": to_iso(self.instant), "text": self.text}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Back from the database."""
        return cls(from_iso(data["instant"]), data["text"])
