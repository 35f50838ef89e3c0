"""Every line of the "sleep until" grammar, every refusal, and the days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.time.when import echo, parse_when
from scheduler.errors import ConfigError, WhenError

BERLIN = "Europe/Berlin"
FRIDAY = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)  # 15:30 in Berlin


def when(text: str, now: datetime = FRIDAY, tz: str = BERLIN) -> str:
    return parse_when(text, now, tz).isoformat(timespec="seconds")


def refused(text: str, now: datetime = FRIDAY) -> WhenError:
    """The refusal of a text; its suggestion must itself be accepted."""
    with pytest.raises(WhenError) as caught:
        parse_when(text, now, BERLIN)
    assert parse_when(caught.value.suggestion, now, BERLIN) > now
    return caught.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # duration
        ("45m", "2026-11-20T16:15:00+01:00"),
        ("90 sec", "2026-11-20T15:31:30+01:00"),
        ("in 2 hours", "2026-11-20T17:30:00+01:00"),
        ("1h30m", "2026-11-20T17:00:00+01:00"),
        ("2 hrs 5 mins", "2026-11-20T17:35:00+01:00"),
        ("2d", "2026-11-22T15:30:00+01:00"),
        ("IN 1W 2D", "2026-11-29T15:30:00+01:00"),
        ("PT20M", "2026-11-20T15:50:00+01:00"),
        ("in P1DT2H", "2026-11-21T17:30:00+01:00"),
        ("P2W", "2026-12-04T15:30:00+01:00"),
        # instant
        ("2026-12-01T09:00", "2026-12-01T09:00:00+01:00"),
        ("2026-12-01 09:00:30", "2026-12-01T09:00:30+01:00"),
        ("2026-12-01T09:00Z", "2026-12-01T10:00:00+01:00"),
        ("2026-12-01T09:00:00.000Z", "2026-12-01T10:00:00+01:00"),
        ("2026-12-01 09:00-05:00", "2026-12-01T15:00:00+01:00"),
        ("2026-12-01T09:00+0530", "2026-12-01T04:30:00+01:00"),
        ("2026-12-01T09:00 America/New_York", "2026-12-01T15:00:00+01:00"),
        ("2026-12-01T09:00+01:00 Europe/Berlin", "2026-12-01T09:00:00+01:00"),
        # [day] clock [zone]
        ("18:00", "2026-11-20T18:00:00+01:00"),
        ("09:00", "2026-11-21T09:00:00+01:00"),
        ("at 9am", "2026-11-21T09:00:00+01:00"),
        ("4:05 PM", "2026-11-20T16:05:00+01:00"),
        ("12am", "2026-11-21T00:00:00+01:00"),
        ("12pm", "2026-11-21T12:00:00+01:00"),
        ("noon", "2026-11-21T12:00:00+01:00"),
        ("midnight", "2026-11-21T00:00:00+01:00"),
        ("noon UTC", "2026-11-21T13:00:00+01:00"),
        ("today 18:00", "2026-11-20T18:00:00+01:00"),
        ("tomorrow at noon", "2026-11-21T12:00:00+01:00"),
        ("Tomorrow  09:00:15", "2026-11-21T09:00:15+01:00"),
        ("monday 09:00", "2026-11-23T09:00:00+01:00"),
        ("next Monday at 9am", "2026-11-23T09:00:00+01:00"),
        ("fri 18:00", "2026-11-27T18:00:00+01:00"),
        ("next friday 18:00", "2026-11-27T18:00:00+01:00"),
        ("next weekday 09:00", "2026-11-23T09:00:00+01:00"),
        ("next business day at 9 am", "2026-11-23T09:00:00+01:00"),
        ("2026-12-01 at 9am", "2026-12-01T09:00:00+01:00"),
        ("tomorrow 09:00 Asia/Tokyo", "2026-11-21T01:00:00+01:00"),
    ],
)
def test_the_grammar(text: str, expected: str) -> None:
    assert when(text) == expected


def test_today_is_the_day_in_the_zone_of_the_text() -> None:
    """At 23:30 in Berlin it is already tomorrow in Tokyo."""
    late = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
    assert when("today 09:00 Asia/Tokyo", late) == "2026-11-21T01:00:00+01:00"


def test_next_working_day_from_each_day_of_the_week() -> None:
    days = [parse_when("next weekday 09:00", FRIDAY + timedelta(days=n), BERLIN).day for n in range(7)]
    assert days == [23, 23, 23, 24, 25, 26, 27]


@pytest.mark.parametrize(
    ("text", "code", "suggestion"),
    [
        ("today 09:00", "past", "tomorrow 09:00"),
        ("2026-11-19T09:00Z", "past", "tomorrow 09:00"),
        ("0001-01-01 00:00", "past", "tomorrow 00:00"),
        ("tomorrow", "ambiguous", "tomorrow 09:00"),
        ("next friday", "ambiguous", "next friday 09:00"),
        ("2026-12-01", "ambiguous", "2026-12-01 09:00"),
        ("90", "ambiguous", "90m"),
        ("9", "ambiguous", "9m"),
        ("in 90", "ambiguous", "90m"),
        ("at 9", "ambiguous", "09:00"),
        ("tomorrow at 9", "ambiguous", "tomorrow 09:00"),
        ("9:30", "ambiguous", "09:30"),
        ("1M", "ambiguous", "1m"),
        ("1H 30M", "ambiguous", "1h 30m"),
        ("1 month", "ambiguous", "30d"),
        ("in 2 months", "ambiguous", "60d"),
        ("1 year", "ambiguous", "365d"),
        ("P1M", "ambiguous", "30d"),
        ("P1Y", "ambiguous", "365d"),
        ("12/01/2026 09:00", "ambiguous", "2026-12-01 09:00"),
        ("12.01.2026", "ambiguous", "2026-12-01 09:00"),
        ("2026/12/01 09:00", "ambiguous", "2026-12-01 09:00"),
        ("tomorrow 09:00 PST", "ambiguous", "tomorrow 09:00 America/Los_Angeles"),
        ("2026-12-01T09:00 CET", "ambiguous", "2026-12-01T09:00 Europe/Berlin"),
        ("2026-12-01T09:00+02:00 Europe/Berlin", "ambiguous", "2026-12-01T09:00:00+02:00"),
        ("0s", "too_soon", "1s"),
        ("367d", "too_far", "366d"),
        ("999999999w", "too_far", "366d"),
        ("9999-12-31 23:59", "too_far", "366d"),
        ("tomorow 09:00", "unknown_word", "tomorrow 09:00"),
        ("09:00 tomorrow", "unknown_word", "tomorrow 09:00"),
        ("on friday 18:00", "unknown_word", "friday 18:00"),
        ("tonight", "unknown_word", "today 21:00"),
        ("in an hour", "unknown_word", "1 hour"),
        ("tomorrow 09:00Z", "unknown_word", "tomorrow 09:00 UTC"),
        ("tomorrow 09:00 Berlin", "unknown_word", "tomorrow 09:00 Europe/Berlin"),
        ("tomorrow 09:00 Europe/Berln", "unknown_word", "tomorrow 09:00 Europe/Berlin"),
        ("1.5h", "unknown_word", "90m"),
        ("0.5 days", "unknown_word", "12h"),
        ("25:00", "unknown_word", "tomorrow 09:00"),
        ("24:00", "unknown_word", "tomorrow 00:00"),
        ("13pm", "unknown_word", "13:00"),
        ("2026-12-01T09:00+25:00", "unknown_word", "2026-12-01 09:00"),
        ("-5m", "unknown_word", "5m"),
        ("５m", "unknown_word", "1h"),
        ("later", "unknown_word", "1h"),
        ("", "unknown_word", "1h"),
        ("x" * 10_000, "unknown_word", "1h"),
    ],
    ids=lambda text: text[:40],
)
def test_refusals(text: str, code: str, suggestion: str) -> None:
    error = refused(text)
    assert (error.code, error.suggestion) == (code, suggestion)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("today 09:00", "2026-11-20T09:00:00+01:00 was 6h30m ago"),
        ("tomorrow", "tomorrow at what time? e.g. tomorrow 09:00"),
        ("tomorrow at 9", "9 could be tomorrow 09:00 or tomorrow 21:00"),
        ("1M", "1M could be minutes or months"),
        ("12/01/2026 09:00", "12/01/2026 could be 2026-12-01 or 2026-01-12"),
        ("400d", "that is more than 366 days from now"),
    ],
)
def test_a_refusal_names_the_two_readings(text: str, message: str) -> None:
    assert refused(text).message == message


def test_bounds_can_be_set() -> None:
    with pytest.raises(WhenError) as caught:
        parse_when("5s", FRIDAY, BERLIN, min_seconds=60)
    assert (caught.value.code, caught.value.suggestion) == ("too_soon", "60s")
    with pytest.raises(WhenError) as caught:
        parse_when("8d", FRIDAY, BERLIN, max_days=7)
    assert (caught.value.code, caught.value.suggestion) == ("too_far", "7d")


def test_a_whole_year_of_366_days_is_allowed_in_every_zone() -> None:
    for tz in (BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC"):
        for month in range(1, 13):
            now = datetime(2026, month, 28, 1, 30, tzinfo=UTC)
            assert parse_when("366d", now, tz) > now


def test_now_needs_a_zone() -> None:
    with pytest.raises(WhenError) as caught:
        parse_when("45m", datetime(2026, 11, 20, 15))  # noqa: DTZ001
    assert caught.value.code == "ambiguous"


def test_the_zone_of_the_job_must_exist() -> None:
    with pytest.raises(ConfigError):
        parse_when("45m", FRIDAY, "Europe/Berln")


class TestClocksChange:
    """Sleeping over the nights on which the clocks change."""

    BEFORE_SPRING = datetime(2026, 3, 28, 14, tzinfo=UTC)  # Saturday, 15:00
    BEFORE_AUTUMN = datetime(2026, 10, 24, 13, tzinfo=UTC)  # Saturday, 15:00

    def test_days_are_of_the_calendar_and_hours_elapse(self) -> None:
        assert when("1d", self.BEFORE_SPRING) == "2026-03-29T15:00:00+02:00"
        assert when("24h", self.BEFORE_SPRING) == "2026-03-29T16:00:00+02:00"
        assert when("1d 2h", self.BEFORE_AUTUMN) == "2026-10-25T17:00:00+01:00"

    def test_a_time_in_the_gap_is_the_end_of_the_gap(self) -> None:
        assert when("tomorrow 02:30", self.BEFORE_SPRING) == "2026-03-29T03:00:00+02:00"
        assert when("02:30", self.BEFORE_SPRING) == "2026-03-29T03:00:00+02:00"

    def test_the_gap_of_today_is_over_at_three(self) -> None:
        assert when("02:30", datetime(2026, 3, 29, 1, 10, tzinfo=UTC)) == "2026-03-30T02:30:00+02:00"

    def test_a_time_that_comes_twice_is_its_first_pass(self) -> None:
        assert when("tomorrow 02:30", self.BEFORE_AUTUMN) == "2026-10-25T02:30:00+02:00"

    def test_an_offset_chooses_the_second_pass(self) -> None:
        assert when("2026-10-25T02:30+01:00", self.BEFORE_AUTUMN) == "2026-10-25T02:30:00+01:00"

    def test_short_sleeps_in_the_second_pass_stay_in_it(self) -> None:
        second = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
        assert when("5m", second) == "2026-10-25T02:15:00+01:00"


def test_echo() -> None:
    instant = parse_when("monday 09:00", FRIDAY, BERLIN)
    assert echo(instant, FRIDAY) == "2026-11-23T09:00:00+01:00 (in 2d 17h30m)"


@given(st.text(alphabet="0123456789:-+/.TZ apmdhswinextfrtoyUCPM", max_size=24))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_a_later_instant_or_a_refusal_with_a_good_suggestion(text: str) -> None:
    try:
        instant = parse_when(text, FRIDAY, BERLIN)
    except WhenError as error:
        assert parse_when(error.suggestion, FRIDAY, BERLIN) > FRIDAY  # noqa: PT017
    else:
        assert FRIDAY < instant <= FRIDAY + timedelta(days=366, hours=1)
        assert instant.tzinfo is ZoneInfo(BERLIN)
