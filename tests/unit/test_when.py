"""The grammar of "sleep until": a tour.  `tests/data/when.jsonl` has a thousand more texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.time.when import parse_when, written
from scheduler.errors import ConfigError, WhenError

BERLIN = "Europe/Berlin"
FRIDAY = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)  # 15:30 in Berlin


def when(text: str, now: datetime = FRIDAY, tz: str = BERLIN) -> str:
    return parse_when(text, now, tz).isoformat(timespec="seconds")


def refused(text: str, now: datetime = FRIDAY) -> WhenError:
    with pytest.raises(WhenError) as caught:
        parse_when(text, now, BERLIN)
    return caught.value


def readings(text: str, now: datetime = FRIDAY) -> list[str]:
    """What a refused text may mean, as days of November and clocks in Berlin."""
    return [f"{reading:%d %H:%M}" for reading in refused(text, now).readings]


@pytest.mark.parametrize(
    "text",
    [
        *("in 2h30m", "2.5 hours", "two hours and 30 minutes", "PT2H30M", "150 min", "2h 30m from now"),
        *("18:00", "6 PM", "at 18:00", "6 p.m. today", "Friday 18:00", "this friday at 6pm", "17:00Z"),
        *("2026-11-20T18:00", "2026-11-20 18:00:00", "2026-11-20T17:00Z", "2026-11-20 18:00 UTC+1"),
        *("2026-11-20T18:00+01:00[Europe/Berlin]", "Fri, 20 Nov 2026 17:00:00 GMT", "20 November 6pm"),
        *("1795194000", "12:00 America/New_York", "2026-11-20T18:00:00+01:00, Friday, in 2h30m"),
    ],
)
def test_one_instant_in_many_forms(text: str) -> None:
    assert when(text) == "2026-11-20T18:00:00+01:00"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 days", "2026-11-23T15:30:00+01:00"),
        ("in 3 days at 9am", "2026-11-23T09:00:00+01:00"),
        ("half an hour", "2026-11-20T16:00:00+01:00"),
        ("tomorrow at noon", "2026-11-21T12:00:00+01:00"),
        ("noon", "2026-11-21T12:00:00+01:00"),
        ("midnight", "2026-11-21T00:00:00+01:00"),
        ("today 24:00", "2026-11-21T00:00:00+01:00"),
        ("11 PM tonight", "2026-11-20T23:00:00+01:00"),
        ("tonight 02:00", "2026-11-21T02:00:00+01:00"),
        ("day after tomorrow 09:00", "2026-11-22T09:00:00+01:00"),
        ("09:00 on Monday", "2026-11-23T09:00:00+01:00"),
        ("next business day 9 a.m.", "2026-11-23T09:00:00+01:00"),
        ("Dec 1 09:00", "2026-12-01T09:00:00+01:00"),
        ("March 1 09:00", "2027-03-01T09:00:00+01:00"),
        ("tomorrow 10:00 UTC+5:30", "2026-11-21T05:30:00+01:00"),
        ("2026-12-01T09:00:00.5Z", "2026-12-01T10:00:00+01:00"),
    ],
)
def test_a_clock_is_one_of_the_jobs_zone_unless_another_is_named(text: str, expected: str) -> None:
    assert when(text) == expected


def test_a_weekday_is_the_next_one_today_included_while_its_clock_is_ahead() -> None:
    assert when("friday 17:00") == "2026-11-20T17:00:00+01:00"
    assert when("friday 09:00") == "2026-11-27T09:00:00+01:00"


def test_next_is_refused_while_this_week_has_such_a_day_to_come() -> None:
    assert when("next monday 09:00") == "2026-11-23T09:00:00+01:00"
    assert readings("next saturday 09:00") == ["21 09:00", "28 09:00"]
    assert readings("next friday 17:00") == ["20 17:00", "27 17:00"]
    assert when("next friday 09:00") == "2026-11-27T09:00:00+01:00", "today's 09:00 is over"


def test_next_working_day_from_each_day_of_the_week() -> None:
    days = [parse_when("next weekday 09:00", FRIDAY + timedelta(days=n), BERLIN).day for n in range(7)]
    assert days == [23, 23, 23, 24, 25, 26, 27]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tomorrow", ["21 00:00", "21 15:30"]),
        ("tomorrow at 9", ["21 09:00", "21 21:00"]),
        ("tomorrow 0900", ["21 09:00"]),
        ("tomorrow midnight", ["21 00:00", "22 00:00"]),
        ("end of day", ["20 17:00", "21 00:00"]),
        ("90", ["20 17:00", "20 15:31", "24 09:30"]),
        ("1M", ["20 15:31", "20 15:30"]),
        ("half a day", ["21 03:30"]),
        ("next week", ["23 00:00", "27 15:30"]),
        ("23/11/2026 09:00", ["23 09:00"]),
        ("tomorrow 09:00 ET", ["21 15:00"]),
        ("tomorrow 09:00 Berlin", ["21 09:00"]),
        ("tomorrow 10:00 Etc/GMT+1", ["21 12:00", "21 10:00"]),
        ("Sunday, November 21, 2026 09:00", ["21 09:00", "22 09:00"]),
        ("tonight", []),
        ("tomorrow morning", []),
    ],
)
def test_what_is_not_certain_is_refused_with_its_readings(text: str, expected: list[str]) -> None:
    assert refused(text).code == "ambiguous"
    assert readings(text) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("today 09:00", "past"),
        ("yesterday 17:00", "past"),
        ("5 minutes ago", "past"),
        ("0s", "too_soon"),
        ("367d", "too_far"),
        ("9999-12-31 23:59", "too_far"),
        ("tomorow 09:00", "unknown_word"),
        ("tomorrow 09:00 Europe/Berln", "unknown_word"),
        ("25:00", "unknown_word"),
        ("when CI is green", "unknown_word"),
        ("", "unknown_word"),
        ("x" * 10_000, "unknown_word"),
    ],
    ids=lambda text: text[:40],
)
def test_what_means_nothing_or_cannot_be_has_no_readings(text: str, code: str) -> None:
    error = refused(text)
    assert (error.code, error.readings, error.suggestion, error.help) == (code, (), "", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("today 09:00", "2026-11-20T09:00:00+01:00 was 6h30m ago"),
        ("2025-12-01 09:00", "2025-12-01T09:00:00+01:00 was 354d 6h30m ago; the year is 2026"),
        ("tomorrow", "it names a day, and no time of day"),
        ("tomorrow at 9", "`9` has no am or pm"),
        ("1M", "`M` may be minutes or months"),
        ("12/01/2026 09:00", "`12/01/2026` does not say which number is the month"),
        ("tomorow 09:00", "'tomorow' is not understood"),
        ("400d", "that is more than 366 days from now"),
    ],
)
def test_a_refusal_says_why(text: str, message: str) -> None:
    assert refused(text).message == message


def test_a_suggestion_is_a_reading_in_full_and_is_accepted() -> None:
    error = refused("tomorrow at 9")
    assert error.suggestions == (
        "2026-11-21T09:00:00+01:00, Saturday, in 17h30m",
        "2026-11-21T21:00:00+01:00, Saturday, in 1d 5h30m",
    )
    assert error.help == f'write "{error.suggestions[0]}" or "{error.suggestions[1]}"'
    assert [parse_when(text, FRIDAY, BERLIN) for text in error.suggestions] == list(error.readings)


def test_a_suggestion_is_still_accepted_a_while_later() -> None:
    assert when(refused("tomorrow at 9").suggestion, FRIDAY + timedelta(minutes=50)) == (
        "2026-11-21T09:00:00+01:00"
    )


def test_an_echo_with_a_wrong_weekday_or_distance_is_refused() -> None:
    assert readings("2026-11-23T09:00:00+01:00, Tuesday, in 2d 17h30m") == ["23 09:00"]
    assert readings("2026-11-23T09:00:00+01:00, Monday, in 2h") == ["23 09:00", "20 17:30"]


class TestOtherZones:
    """A day word is a day of the job's zone; who names another zone may mean a day there."""

    NIGHT = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)  # Saturday 03:30 in Berlin, Friday 18:30 in Los Angeles

    def test_two_calendars_that_agree(self) -> None:
        assert when("tomorrow 09:00 America/Los_Angeles") == "2026-11-21T18:00:00+01:00"

    def test_two_calendars_that_differ(self) -> None:
        assert readings("tomorrow 09:00 America/Los_Angeles", self.NIGHT) == ["22 18:00", "21 18:00"]

    def test_a_clock_without_a_day_is_the_next_one_there(self) -> None:
        assert when("09:00 America/Los_Angeles", self.NIGHT) == "2026-11-21T18:00:00+01:00"


def test_bounds_can_be_set() -> None:
    for text, code, bounds in (("5s", "too_soon", {"min_seconds": 60}), ("8d", "too_far", {"max_days": 7})):
        with pytest.raises(WhenError) as caught:
            parse_when(text, FRIDAY, BERLIN, **bounds)
        assert caught.value.code == code
    with pytest.raises(WhenError) as caught:
        parse_when("90", FRIDAY, BERLIN, min_seconds=120, max_days=1)
    assert caught.value.readings == (FRIDAY + timedelta(minutes=90),)


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
    SECOND_PASS = datetime(2026, 10, 25, 1, 45, tzinfo=UTC)  # Sunday, 02:45 for the second time

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

    def test_the_next_occurrence_may_be_in_the_second_pass(self) -> None:
        assert when("02:50", self.SECOND_PASS) == "2026-10-25T02:50:00+01:00"
        assert when("02:40", self.SECOND_PASS) == "2026-10-26T02:40:00+01:00"

    def test_an_offset_chooses_the_second_pass(self) -> None:
        assert when("2026-10-25T02:30+01:00", self.BEFORE_AUTUMN) == "2026-10-25T02:30:00+01:00"

    def test_the_answer_compares_across_zones(self) -> None:
        """An aware time of a zone in an overlap equals none of another zone (PEP 495)."""
        instant = parse_when("5m", self.SECOND_PASS, BERLIN)
        assert instant == datetime(2026, 10, 25, 1, 50, tzinfo=UTC)
        assert instant.tzinfo == timezone(timedelta(hours=1))


def _page(heading: str, column: int) -> list[str]:
    """The texts in a column of a table of the page about sleep."""
    page = (Path(__file__).parents[2] / "docs/howto/sleep.md").read_text("utf-8")
    rows = page.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines()
    cells = [row.split("|")[column] for row in rows if row.startswith("| ") and "`" in row]
    return [text for cell in cells for text in re.findall("`([^`]+)`", cell)]


def test_the_page_shows_what_is_accepted_and_what_is_refused() -> None:
    accepted, doubtful = _page("What the agent may write", 2), _page("What is refused", 1)
    assert min(len(accepted), len(doubtful)) >= 18
    assert all(parse_when(text, FRIDAY, BERLIN) > FRIDAY for text in accepted)
    for text in doubtful:
        assert refused(text, TestOtherZones.NIGHT if "America" in text else FRIDAY).code == "ambiguous", text


def test_an_instant_is_written_as_it_is_accepted() -> None:
    instant = parse_when("monday 09:00", FRIDAY, BERLIN)
    assert written(instant, FRIDAY) == "2026-11-23T09:00:00+01:00, Monday, in 2d 17h30m"
    assert parse_when(written(instant, FRIDAY), FRIDAY, BERLIN) == instant
    assert parse_when("2026-11-23T09:00:00+01:00, Monday (in 2d 17h30m)", FRIDAY, BERLIN) == instant


@given(st.text(alphabet="0123456789:-+/.TZ apmdhswinextfrtoyUCPM", max_size=24))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_a_later_instant_or_a_refusal(text: str) -> None:
    try:
        instants = [parse_when(text, FRIDAY, BERLIN)]
    except WhenError as error:
        instants = list(error.readings)
    assert all(FRIDAY < instant <= FRIDAY + timedelta(days=366, hours=1) for instant in instants)
