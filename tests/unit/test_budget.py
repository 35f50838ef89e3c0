"""The local day of a budget, also where days have 23 or 25 hours and where midnight does not exist."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.budget import day_start, next_local_day

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
def test_every_instant_lies_in_its_day(seconds: int, tz: str) -> None:
    now = utc("2020-01-01") + timedelta(seconds=seconds)
    begin, following = day_start(now, tz), next_local_day(now, tz)
    assert begin <= now < following
    assert timedelta(hours=22) <= following - begin <= timedelta(hours=26)
    assert following.astimezone(ZoneInfo(tz)).date() > now.astimezone(ZoneInfo(tz)).date()
    assert day_start(following, tz) == following, "a run that wakes then has the new day's money"
    assert day_start(now, tz).tzinfo is UTC
