"""The local day of a budget, also where it has 23 or 25 hours or no midnight; numbers of tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.run.budget import day_start, next_local_day, read_tokens, write_tokens
from scheduler.errors import ConfigError

ZONES = [
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"),
    *("America/Santiago", "Africa/Cairo", "Asia/Beirut", "Pacific/Chatham", "America/Havana"),
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("tz", "now", "begin", "following"),
    [
        ("UTC", "2026-11-23T09:00", "2026-11-23T00:00", "2026-11-24T00:00"),
        ("Europe/Berlin", "2026-11-23T22:59:59", "2026-11-22T23:00", "2026-11-23T23:00"),
        ("Europe/Berlin", "2026-11-23T23:00", "2026-11-23T23:00", "2026-11-24T23:00"),
        ("Asia/Kathmandu", "2026-11-23T09:00", "2026-11-22T18:15", "2026-11-23T18:15"),
        # 23 and 25 hours
        ("Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        # Cairo jumps from 00:00 to 01:00 on 24 April 2026: the day begins when the gap ends.
        ("Africa/Cairo", "2026-04-23T12:00", "2026-04-22T22:00", "2026-04-23T22:00"),
        ("Africa/Cairo", "2026-04-24T12:00", "2026-04-23T22:00", "2026-04-24T21:00"),
    ],
)
def test_the_day_of_an_instant(tz: str, now: str, begin: str, following: str) -> None:
    assert day_start(utc(now), tz) == utc(begin)
    assert next_local_day(utc(now), tz) == utc(following)


@given(st.integers(0, 15 * 366 * 86_400), st.sampled_from(ZONES))
def test_every_instant_is_in_its_day(seconds: int, tz: str) -> None:
    now = utc("2020-01-01") + timedelta(seconds=seconds)
    begin, following = day_start(now, tz), next_local_day(now, tz)
    assert begin <= now < following
    assert timedelta(hours=22) <= following - begin <= timedelta(hours=26)
    assert following.astimezone(ZoneInfo(tz)).date() > now.astimezone(ZoneInfo(tz)).date()
    assert day_start(following, tz) == following, "a run that wakes then has the new day's money"
    assert day_start(now, tz).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "number"),
    [("200ktok", 200_000), ("2Mtok", 2_000_000), ("1.5mtok", 1_500_000), ("0.5Ktok", 500), ("7tok", 7)],
)
def test_tokens_are_written_with_their_unit(text: str, number: int) -> None:
    assert read_tokens(text) == number


@pytest.mark.parametrize("text", ["", "tok", "200k", "1.5tok", "-1ktok", "1e3tok", "1Gtok", "1 ktok", "١tok"])
def test_what_is_no_number_of_tokens(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a number of tokens"):
        read_tokens(text)


@given(st.integers(0, 10**9 - 1), st.sampled_from([1, 1_000, 1_000_000]))
def test_tokens_that_are_written_are_read_back(number: int, size: int) -> None:
    assert read_tokens(write_tokens(number * size)) == number * size
