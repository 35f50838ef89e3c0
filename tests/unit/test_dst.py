"""The days on which the clocks change, in every kind of zone, forwards and backwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.time.cron import Cron
from scheduler.core.time.dst import Dst, settle, shift_at
from scheduler.core.time.instants import zone

ZONES = [
    "Africa/Casablanca",  # standard time in Ramadan only
    "Africa/El_Aaiun",
    "America/Havana",  # the gap begins at midnight
    "America/Los_Angeles",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",  # the gap is the midnight hour
    "America/St_Johns",
    "Antarctica/Troll",  # two hours
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Atlantic/Azores",
    "Australia/Lord_Howe",  # half an hour
    "Europe/Berlin",
    "Europe/Dublin",  # winter is the saving time
    "Europe/London",
    "Pacific/Auckland",
    "Pacific/Chatham",  # 12:45 ahead
    "UTC",
]
EXPRESSIONS = [
    "* * * * *",
    "*/7 * * * *",
    "0 */2 * * *",
    "30 * * * *",
    "15 1,2,3 * * *",
    "30 2 * * *",
    "0 0 * * *",
    "59 23 * * *",
    "*/20 0-4 * * 0",
    "0 0,1,2,3,23 * * *",
    "45 1 25-31 3,10 *",
    "0 3 * * 0",
]
RULES: list[Dst | None] = [None, "once", "elapsed", "skip"]
DAY = timedelta(days=1)


def transitions(name: str) -> list[datetime]:
    """The instants from 2020 to 2035 at which a zone's offset changes."""
    place = ZoneInfo(name)
    found = []
    instant = datetime(2020, 1, 1, tzinfo=UTC)
    while instant.year < 2036:
        early, late = instant, instant + timedelta(hours=6)
        if early.astimezone(place).utcoffset() != late.astimezone(place).utcoffset():
            while late - early > timedelta(minutes=1):
                middle = early + (late - early) / 2
                same = middle.astimezone(place).utcoffset() == early.astimezone(place).utcoffset()
                early, late = (middle, late) if same else (early, middle)
            found.append(late.replace(second=0, microsecond=0))
        instant += timedelta(hours=6)
    return found


@st.composite
def near_a_transition(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and an instant within a day and a half of one of its transitions."""
    name = draw(st.sampled_from(ZONES))
    edges = TRANSITIONS[name] or [datetime(2026, 3, 29, 1, tzinfo=UTC)]
    offset_seconds = draw(st.integers(-36 * 3600, 36 * 3600))
    return name, draw(st.sampled_from(edges)) + timedelta(seconds=offset_seconds)


TRANSITIONS = {name: transitions(name) for name in ZONES}


def chain(cron: Cron, start: datetime, count: int) -> list[datetime]:
    fires: list[datetime] = []
    instant = start
    while len(fires) < count:
        following = cron.next_after(instant)
        assert following is not None
        fires.append(following)
        instant = following
    return fires


@given(near_a_transition(), st.sampled_from(EXPRESSIONS), st.sampled_from(RULES))
@settings(max_examples=300, deadline=None)
def test_properties(place: tuple[str, datetime], expr: str, rule: Dst | None) -> None:
    name, start = place
    cron = Cron(expr, tz=name, dst=rule)
    fires = chain(cron, start, 12)

    # Strictly increasing, and strictly after the start.
    assert all(early < late for early, late in pairwise([start, *fires]))

    # Stateless: asked from any instant between two fires, the answer is the later one.
    for early, late in pairwise([start, *fires]):
        for part in (0.25, 0.999):
            assert cron.next_after(early + (late - early) * part) == late

    # `before` is the inverse: at a fire it is that fire, just before it the one before.
    for early, late in pairwise(fires):
        assert cron.before(late) == late
        assert cron.before(late - timedelta(seconds=1)) == early


@given(near_a_transition(), st.sampled_from(EXPRESSIONS))
@settings(max_examples=150, deadline=None)
def test_elapsed_is_every_instant_whose_wall_clock_matches(place: tuple[str, datetime], expr: str) -> None:
    """The rule for wildcard jobs, checked minute by minute without any cleverness."""
    name, start = place
    there, utc = ZoneInfo(name), Cron(expr, tz="UTC")
    start = start.replace(second=0)
    expected = []
    for minutes in range(1, 8 * 60):
        instant = start + timedelta(minutes=minutes)
        wall = instant.astimezone(there).replace(tzinfo=UTC)
        if utc.before(wall) == wall:
            expected.append(instant)
    cron = Cron(expr, tz=name, dst="elapsed")
    assert [f for f in chain(cron, start, len(expected) + 1) if f < start + timedelta(hours=8)] == expected


@pytest.mark.parametrize("name", ZONES)
def test_once_fires_once_on_every_day(name: str) -> None:
    """A daily job at any minute fires about once in 24 hours, also on all the odd days."""
    for edge in TRANSITIONS[name]:
        for minute in range(0, 24 * 60, 50):
            cron = Cron(f"{minute % 60} {minute // 60} * * *", tz=name)
            fires = chain(cron, edge - 2 * DAY, 4)
            assert all(abs(late - early - DAY) <= timedelta(hours=2) for early, late in pairwise(fires))


class TestSpring:
    """Berlin, 29 March 2026: 01:59:59 is followed by 03:00."""

    START = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)

    def walls(self, expr: str, rule: Dst | None = None, count: int = 3) -> list[str]:
        cron = Cron(expr, tz="Europe/Berlin", dst=rule)
        return [
            f"{fire.astimezone(ZoneInfo('Europe/Berlin')):%d %H:%M}"
            for fire in chain(cron, self.START, count)
        ]

    def test_a_fixed_job_runs_at_the_end_of_the_gap(self) -> None:
        assert self.walls("30 2 * * *") == ["29 03:00", "30 02:30", "31 02:30"]

    def test_two_slots_in_the_gap_are_one_fire(self) -> None:
        assert self.walls("0,30 2 * * *") == ["29 03:00", "30 02:00", "30 02:30"]

    def test_the_gap_end_is_not_fired_twice_when_it_is_a_slot_too(self) -> None:
        assert self.walls("30 2,3 * * *") == ["29 03:00", "29 03:30", "30 02:30"]
        assert self.walls("0 2,3 * * *") == ["29 03:00", "30 02:00", "30 03:00"]

    def test_a_wildcard_job_gets_nothing_made_up(self) -> None:
        assert self.walls("30 */2 * * *") == ["29 04:30", "29 06:30", "29 08:30"]

    def test_skip_leaves_the_day_out(self) -> None:
        assert self.walls("30 2 * * *", "skip") == ["30 02:30", "31 02:30", "01 02:30"]

    def test_the_rules_can_be_exchanged(self) -> None:
        assert self.walls("30 2 * * *", "elapsed") == ["30 02:30", "31 02:30", "01 02:30"]
        assert self.walls("*/30 2 * * *", "once", 2) == ["29 03:00", "30 02:00"]


class TestAutumn:
    """New York, 1 November 2026: 01:00 to 01:59 come twice. croniter fires fixed jobs twice here."""

    START = datetime(2026, 11, 1, 4, 30, tzinfo=UTC)

    def walls(self, expr: str, rule: Dst | None = None, count: int = 3) -> list[str]:
        cron = Cron(expr, tz="America/New_York", dst=rule)
        there = ZoneInfo("America/New_York")
        return [f"{fire.astimezone(there):%d %H:%M %Z}" for fire in chain(cron, self.START, count)]

    def test_a_fixed_job_runs_in_the_first_pass_only(self) -> None:
        assert self.walls("30 1 * * *") == ["01 01:30 EDT", "02 01:30 EST", "03 01:30 EST"]
        assert self.walls("30 1 * * *", "skip") == ["01 01:30 EDT", "02 01:30 EST", "03 01:30 EST"]

    def test_a_wildcard_job_runs_in_both(self) -> None:
        assert self.walls("30 * * * *") == ["01 01:30 EDT", "01 01:30 EST", "01 02:30 EST"]

    def test_the_other_way_round(self) -> None:
        assert self.walls("30 1 * * *", "elapsed") == ["01 01:30 EDT", "01 01:30 EST", "02 01:30 EST"]
        assert self.walls("30 * * * *", "once", 2) == ["01 01:30 EDT", "01 02:30 EST"]


class TestOddZones:
    """Half an hour, two hours, whole days."""

    def test_lord_howe_moves_by_half_an_hour(self) -> None:
        cron = Cron("15 2 * * *", tz="Australia/Lord_Howe")
        there = ZoneInfo("Australia/Lord_Howe")
        fires = chain(cron, datetime(2026, 10, 3, 0, tzinfo=UTC), 2)
        assert [f"{fire.astimezone(there):%d %H:%M}" for fire in fires] == ["04 02:30", "05 02:15"]

    def test_troll_moves_by_two_hours(self) -> None:
        cron = Cron("30 1 * * *", tz="Antarctica/Troll")
        assert cron.next_after(datetime(2026, 3, 29, 0, tzinfo=UTC)) == datetime(2026, 3, 29, 1, tzinfo=UTC)

    @pytest.mark.parametrize("rule", RULES)
    def test_samoa_left_a_day_out_and_nothing_is_made_up_for_it(self, rule: Dst | None) -> None:
        cron = Cron("0 9 * * *", tz="Pacific/Apia", dst=rule)
        there = ZoneInfo("Pacific/Apia")
        fires = chain(cron, datetime(2011, 12, 29, 0, tzinfo=UTC), 3)
        assert [f"{fire.astimezone(there):%m-%d %H:%M}" for fire in fires] == [
            "12-29 09:00",
            "12-31 09:00",
            "01-01 09:00",
        ]
        assert [cron.before(fire) for fire in fires] == fires

    def test_a_day_that_came_twice_is_no_saving_time_either(self) -> None:
        """Kwajalein lived 30 September 1969 twice, when it crossed the date line."""
        cron = Cron("0 9 * * *", tz="Pacific/Kwajalein")
        fires = chain(cron, datetime(1969, 9, 29, 12, tzinfo=UTC), 3)
        assert [f"{fire.astimezone(ZoneInfo('Pacific/Kwajalein')):%m-%d}" for fire in fires] == [
            "09-30",
            "09-30",
            "10-01",
        ]
        assert [cron.before(fire) for fire in fires] == fires


class TestSettling:
    """One wall clock, as a person means it."""

    def test_gap_and_overlap(self) -> None:
        berlin = zone("Europe/Berlin")
        assert settle(datetime(2026, 3, 29, 2, 30), berlin) == datetime(2026, 3, 29, 1, tzinfo=UTC)  # noqa: DTZ001
        assert settle(datetime(2026, 10, 25, 2, 30), berlin) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # noqa: DTZ001

    def test_a_shift_knows_its_edges(self) -> None:
        shift = shift_at(datetime(2026, 3, 29, 2, 30), zone("Europe/Berlin"))  # noqa: DTZ001
        assert shift is not None
        assert (shift.instant, shift.old.hour, shift.new.hour) == (datetime(2026, 3, 29, 1, tzinfo=UTC), 2, 3)
        assert shift.is_gap
        assert not shift.is_correction
