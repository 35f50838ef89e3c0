"""A second reading of "sleep until": texts made from their meaning, with the instants that it gives them.

It shares no code with `scheduler.core.time`: instants are found by walking (`tests.kit.when_walk`), and no
text is parsed.  `tests.kit.when_forms` and `tests.kit.when_doubts` have the forms of the grammar.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import TypeVar
from zoneinfo import ZoneInfo

from tests.kit.when_walk import DAY, END_OF_DAY, MIDNIGHT, Clock, at, target, walk, wall

T = TypeVar("T")
LONGEST = timedelta(days=366)

HOMES = (
    *("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "Pacific/Apia", "UTC", "America/Santiago"),
    *("Africa/Cairo", "America/St_Johns", "Pacific/Chatham"),
)
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
NIGHTS = {  # the clocks change about then
    "Europe/Berlin": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Australia/Lord_Howe": ("2026-10-03T15:30", "2026-04-04T15:00"),
    "America/Santiago": ("2026-09-06T04:00", "2026-04-05T03:00"),
    "Africa/Cairo": ("2026-04-23T22:00", "2026-10-29T21:00"),
    "Pacific/Chatham": ("2026-09-26T14:00", "2026-04-04T14:00"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """A text with what it may mean.

    Attributes:
        text: what the model wrote.
        meanings: its instants, the likeliest first; None for one that is over or does not exist.
        certain: whether it means one thing, so that it is accepted when one instant is left.
    """

    text: str
    meanings: tuple[datetime | None, ...]
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a text: an instant, or a refusal with readings, whose code may be one of several."""

    instant: datetime | None = None
    codes: frozenset[str] = frozenset()
    readings: tuple[datetime, ...] = ()


def judge(said: Said, now: datetime) -> Verdict:
    """The verdict on a text: one instant within the bounds is accepted, whatever else has readings."""
    distinct = list(dict.fromkeys(said.meanings))
    faults = [_outside(meaning, now) for meaning in distinct]
    within = tuple(meaning for meaning, fault in zip(distinct, faults, strict=True) if meaning and not fault)
    if said.certain and len(within) == len(distinct) == 1:
        return Verdict(within[0])
    if faults and len(set(faults)) == 1 and faults[0]:
        return Verdict(codes=frozenset(faults[0].split()))
    return Verdict(codes=frozenset({"ambiguous"}), readings=within)


def _outside(meaning: datetime | None, now: datetime) -> str:
    """The codes that fit an instant out of bounds; empty for one within them."""
    if meaning is None or meaning < now:
        return "past"
    if meaning < now + timedelta(seconds=1):
        return "past too_soon"
    return "too_far" if meaning > now + LONGEST + timedelta(hours=3) else ""


@dataclass
class Speaker:
    """Who says when to wake, at one moment and in one zone: what is drawn, and what it means."""

    chance: random.Random
    now: datetime
    home_name: str
    home: tzinfo = field(init=False)

    def __post_init__(self) -> None:
        self.home = ZoneInfo(self.home_name)

    def pick(self, choices: Iterable[T]) -> T:
        return self.chance.choice(list(choices))

    def maybe(self, text: str, odds: float = 0.5) -> str:
        return text if self.chance.random() < odds else ""

    def today(self, zone: tzinfo | None = None) -> date:
        return wall(zone or self.home, self.now).date()

    # What is drawn: clocks, zones, days, each as its text and its meaning.

    def clock(self) -> tuple[str, Clock]:
        """A clock that means one time of day."""
        hour, minute = self.chance.randrange(24), self.pick([0, 0, 30, self.chance.randrange(60)])
        second = self.pick([0, 0, 0, self.chance.randrange(60)])
        half = "am" if hour < 12 else "pm"
        spelt = self.pick([half, f" {half}", half.upper(), f" {half[0]}.m.", f" {half[0].upper()}.M."])
        twelve = hour % 12 or 12
        full = f"{hour:02}:{minute:02}:{second:02}"
        forms: list[tuple[str, Clock]] = [
            (f"{hour:02}:{minute:02}", time(hour, minute)),
            (f"{hour}:{minute:02}", time(hour, minute)),
            (full, time(hour, minute, second)),
            (f"{twelve}:{minute:02}{spelt}", time(hour, minute)),
            (f"{twelve}{spelt}", time(hour)),
            (self.pick(["noon", "Noon"]), time(12)),
            ("24:00", END_OF_DAY),
        ]
        if hour > 12:
            forms.append((f"{hour}:{minute:02} PM", time(hour, minute)))
        return self.pick(forms)

    def offset(self) -> tuple[str, tzinfo]:
        """An offset east of UTC as it is written after a clock."""
        quarters = self.pick([0, 4, 8, -20, -28, 22, 23, 38, 51, 36, self.chance.randrange(-48, 57)])
        sign, (hours, left) = "-" if quarters < 0 else "+", divmod(abs(quarters), 4)
        minutes = left * 15
        forms = [f"UTC{sign}{hours:02}:{minutes:02}", f"{sign}{hours:02}:{minutes:02}"]
        forms += [f"{sign}{hours:02}{minutes:02}", f"GMT{sign}{hours}:{minutes:02}"]
        if not minutes:
            forms += [f"UTC{sign}{hours}", f"GMT{sign}{hours}"]
        zone = timezone(timedelta(minutes=quarters * 15))
        return self.pick(forms), zone

    def zone(self) -> tuple[str, tzinfo]:
        """A zone by name, or an offset."""
        if self.chance.random() < 0.3:
            text, zone = self.offset()
            return f" {text}", zone
        name = self.pick([*HOMES, "Asia/Tokyo", "America/Los_Angeles", "Europe/London"])
        shown = self.pick([name, name, name.lower()])
        return self.pick([f" {shown}", f" {shown}", f" [{name}]"]), ZoneInfo(name)

    # What a day and a clock mean.

    def on(self, day: date, clock: Clock, zone: tzinfo | None = None) -> datetime | None:
        """A clock on one day; None when it is over."""
        zone = zone or self.home
        start = max(self.now, datetime.combine(day, MIDNIGHT, UTC) - DAY)
        return walk(zone, self.now, clock, lambda other: other == day, start=start)

    def next_on(
        self, weekday: int, clock: Clock, zone: tzinfo | None = None, since: date | None = None
    ) -> datetime:
        """A clock on the next such weekday, today included when it is still to come."""
        since = since or self.today(zone)
        found = walk(
            zone or self.home, self.now, clock, lambda day: day.weekday() == weekday and day >= since, days=16
        )
        assert found
        return found

    def of_this_week(self, weekday: int, today: date) -> date:
        """The day of the ISO week that today is in."""
        monday = today
        while monday.weekday() != 0:
            monday -= DAY
        return monday + weekday * DAY

    def working_day(self, today: date) -> date:
        """The next day from Monday to Friday after today."""
        day = today + DAY
        while day.weekday() > 4:
            day += DAY
        return day

    def day_word(
        self,
    ) -> tuple[str, Callable[[date, Clock, tzinfo], tuple[list[datetime | None], bool]]]:
        """A word for a day: its text, and its meanings for a clock in a zone from a calendar's today."""
        weekday = self.chance.randrange(7)
        name = WEEKDAYS[weekday]
        name = self.pick([name, name.lower(), name[:3], name.upper()])

        def plain(steps: int) -> Callable[[date, Clock, tzinfo], tuple[list[datetime | None], bool]]:
            return lambda today, clock, zone: ([at(zone, target(today + steps * DAY, clock), self.now)], True)

        def bare(today: date, clock: Clock, zone: tzinfo) -> tuple[list[datetime | None], bool]:
            return [self.next_on(weekday, clock, zone, today)], True

        def this(today: date, clock: Clock, zone: tzinfo) -> tuple[list[datetime | None], bool]:
            if found := self.on(self.of_this_week(weekday, today), clock, zone):
                return [found], True
            return [self.next_on(weekday, clock, zone, today)], False

        def following(today: date, clock: Clock, zone: tzinfo) -> tuple[list[datetime | None], bool]:
            day = self.of_this_week(weekday, today)
            if day >= today and (found := self.on(day, clock, zone)):
                return [found, self.on(day + 7 * DAY, clock, zone)], False
            return [self.next_on(weekday, clock, zone, today)], True

        def working(today: date, clock: Clock, zone: tzinfo) -> tuple[list[datetime | None], bool]:
            return [at(zone, target(self.working_day(today), clock), self.now)], True

        return self.pick(
            [
                ("today", plain(0)),
                (self.pick(["tomorrow", "Tomorrow"]), plain(1)),
                (self.pick(["day after tomorrow", "the day after tomorrow"]), plain(2)),
                (name, bare),
                (name, bare),
                (f"this {name}", this),
                (f"next {name}", following),
                (self.pick(["next weekday", "next business day"]), working),
            ]
        )


def speaker(chance: random.Random) -> Speaker:
    """A speaker at a drawn moment: often near a change of clocks, a year's end or a leap day."""
    home = chance.choice(HOMES)
    around = [
        *NIGHTS.get(home, ()),
        "2027-12-31T12:00",
        "2028-02-28T12:00",
        "2028-02-29T12:00",
        "2026-11-27T14:30",
    ]
    if chance.random() < 0.5:
        now = datetime.fromisoformat(chance.choice(around)).replace(tzinfo=UTC)
        now += timedelta(minutes=chance.randrange(-36 * 60, 36 * 60))
    else:
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(5 * 525_600))
    return Speaker(chance, now + timedelta(seconds=chance.choice([0, 0, chance.randrange(60)])), home)
