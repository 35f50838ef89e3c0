"""When jobs fire: cron expressions, intervals, and "sleep until".

These files are a tutorial, to be read from top to bottom. This one needs no clock, daemon or database: a
schedule is a value with methods.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from scheduler import At, Cron, Every, parse_when
from scheduler.errors import ConfigError, WhenError

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def test_a_cron_expression_knows_when_it_fires_next() -> None:
    weekdays_at_nine = Cron("0 9 * * 1-5")

    assert weekdays_at_nine.next_after(SUNDAY) == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_next_means_strictly_later_so_you_can_walk_through_the_week() -> None:
    weekdays_at_nine = Cron("0 9 * * MON-FRI")

    instant: datetime | None = SUNDAY
    days: list[str] = []
    while instant is not None and len(days) < 6:
        instant = weekdays_at_nine.next_after(instant)
        assert instant is not None
        days.append(f"{instant:%a}")

    assert days == ["Mon", "Tue", "Wed", "Thu", "Fri", "Mon"]


def test_it_also_knows_when_it_fired_last() -> None:
    assert Cron("0 9 * * *").before(SUNDAY) == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def test_nine_o_clock_is_nine_o_clock_in_the_zone_of_the_job() -> None:
    fire = Cron("0 9 * * *", tz="Europe/Berlin").next_after(SUNDAY)

    assert fire == datetime(2026, 11, 23, 9, 0, tzinfo=BERLIN)
    assert fire == datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_instants_always_have_a_zone() -> None:
    with pytest.raises(ConfigError, match="no time zone"):
        Cron("0 9 * * *").next_after(datetime(2026, 11, 22, 10, 0))  # noqa: DTZ001 - the mistake shown


def test_a_daily_job_runs_once_a_day_also_when_the_clocks_change() -> None:
    half_past_two = Cron("30 2 * * *", tz="Europe/Berlin")

    # On the night of 29 March 2026 there is no 02:30: the job runs when the gap ends.
    in_spring = half_past_two.next_after(datetime(2026, 3, 28, 12, 0, tzinfo=UTC))
    assert in_spring is not None
    assert f"{in_spring.astimezone(BERLIN):%d %b %H:%M}" == "29 Mar 03:00"

    # On the night of 25 October there are two: it runs at the first, and then on the next day.
    in_autumn = half_past_two.next_after(datetime(2026, 10, 24, 12, 0, tzinfo=UTC))
    assert in_autumn is not None
    assert f"{in_autumn.astimezone(BERLIN):%d %b %H:%M %Z}" == "25 Oct 02:30 CEST"
    assert half_past_two.next_after(in_autumn) == datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)


def test_a_job_for_every_hour_follows_the_hours_that_pass() -> None:
    hourly = Cron("0 * * * *", tz="Europe/Berlin")

    two_in_summer_time = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    an_hour_later = hourly.next_after(two_in_summer_time)

    assert an_hour_later == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    assert f"{an_hour_later.astimezone(BERLIN):%H:%M %Z}" == "02:00 CET"


def test_h_spreads_jobs_by_their_names() -> None:
    """Forty jobs at `0 * * * *` all start at once; with `H` each has its own minute, always the same."""
    minutes = set()
    for number in range(40):
        fire = Cron("H * * * *", name=f"job-{number}").next_after(SUNDAY)
        assert fire is not None
        minutes.add(fire.minute)

    assert len(minutes) > 20


def test_a_mistake_is_told_when_the_schedule_is_made() -> None:
    with pytest.raises(ConfigError) as mistake:
        Cron("0 25 * * *")

    assert mistake.value.code == "E02"
    assert mistake.value.message == "hour 25 is out of range 0-23, in `0 25 * * *`"
    assert mistake.value.help == "for 1 am write `1`"


def test_a_date_that_never_comes_is_a_mistake_too() -> None:
    with pytest.raises(ConfigError, match="day 30 never comes in Feb"):
        Cron("0 9 30 2 *")


def test_an_interval_needs_no_beginning() -> None:
    """The grid of `@every` is derived from the job's name: a restart does not move it."""
    every = Every("45m", name="watch-ci")

    first = every.next_after(SUNDAY)
    second = every.next_after(first)

    assert (second - first).total_seconds() == 45 * 60
    assert Every("45m", name="watch-ci").next_after(SUNDAY) == first


def test_a_single_instant_comes_once() -> None:
    launch = At.parse("2026-12-01T09:00", tz="Europe/Berlin")

    assert launch.next_after(SUNDAY) == datetime(2026, 12, 1, 9, 0, tzinfo=BERLIN)
    assert launch.next_after(datetime(2026, 12, 2, tzinfo=UTC)) is None


def test_an_agent_says_when_it_wants_to_be_woken() -> None:
    def woken(text: str) -> str:
        return f"{parse_when(text, now=SUNDAY, tz='Europe/Berlin'):%a %H:%M}"

    assert woken("45m") == "Sun 11:45"
    assert woken("18:00") == "Sun 18:00"
    assert woken("tomorrow at 9am") == "Mon 09:00"
    assert woken("next friday 17:30") == "Fri 17:30"


def test_what_has_two_readings_is_refused_with_both() -> None:
    """Each suggestion is a reading of the text, as a full instant: a model does what it is told."""
    with pytest.raises(WhenError) as refusal:
        parse_when("tomorrow at 9", now=SUNDAY, tz="Europe/Berlin")

    assert refusal.value.code == "ambiguous"
    assert refusal.value.message == "`9` has no am or pm"
    assert refusal.value.suggestions == (
        "2026-11-23T09:00:00+01:00, Monday, in 22h",
        "2026-11-23T21:00:00+01:00, Monday, in 1d 10h",
    )
    assert f"{parse_when(refusal.value.suggestion, now=SUNDAY, tz='Europe/Berlin'):%a %H:%M}" == "Mon 09:00"


def test_an_agent_cannot_sleep_into_the_past() -> None:
    with pytest.raises(WhenError) as refusal:
        parse_when("today 09:00", now=SUNDAY, tz="Europe/Berlin")

    assert refusal.value.code == "past"
    assert refusal.value.message == "2026-11-22T09:00:00+01:00 was 2h ago"
