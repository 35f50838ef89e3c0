"""Instants as text, zones by name, lengths of time, and the hash that spreads jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.text.hashing import stable_hash
from scheduler.core.time.durations import Duration, parse_duration, read_duration, write_duration
from scheduler.core.time.instants import describe_seconds, from_iso, nearest_zones, to_iso, zone
from scheduler.errors import ConfigError


class TestIso:
    """Instants as text."""

    @pytest.mark.parametrize(
        ("instant", "text"),
        [
            (datetime(2026, 11, 22, 9, tzinfo=UTC), "2026-11-22T09:00:00Z"),
            (datetime(2026, 11, 22, 9, 0, 0, 250_000, tzinfo=UTC), "2026-11-22T09:00:00.250Z"),
            (datetime(2026, 11, 22, 9, 0, 0, 999, tzinfo=UTC), "2026-11-22T09:00:00Z"),
            (datetime(2026, 11, 22, 9, tzinfo=timezone(timedelta(hours=2))), "2026-11-22T07:00:00Z"),
        ],
    )
    def test_to_iso(self, instant: datetime, text: str) -> None:
        assert to_iso(instant) == text

    def test_from_iso_takes_any_offset(self) -> None:
        assert from_iso("2026-11-22T09:00:00Z") == from_iso("2026-11-22T10:00:00+01:00")
        assert from_iso("2026-11-22T09:00:00.250Z").microsecond == 250_000

    @pytest.mark.parametrize(
        "text", ["2026-11-22T09:00:00", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00+14:00", ""]
    )
    def test_from_iso_refuses(self, text: str) -> None:
        with pytest.raises(ConfigError) as caught:
            from_iso(text)
        assert caught.value.help

    @given(st.datetimes(timezones=st.just(UTC)))
    @settings(max_examples=100, deadline=None)
    def test_there_and_back(self, instant: datetime) -> None:
        assert from_iso(to_iso(instant)) == instant.replace(microsecond=instant.microsecond // 1000 * 1000)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (59, "59s"),
        (90, "1m30s"),
        (3599.6, "1h"),
        (3630, "1h"),
        (2700, "45m"),
        (63_000, "17h30m"),
        (86_400, "1d"),
        (235_800, "2d 17h30m"),
        (235_799.5, "2d 17h30m"),
        (172_830, "2d"),
        (-90, "-1m30s"),
    ],
)
def test_describe_seconds(seconds: float, text: str) -> None:
    assert describe_seconds(seconds) == text


class TestZone:
    """Zones by name."""

    def test_a_zone_is_looked_up_once(self) -> None:
        assert zone("Europe/Berlin") is zone("Europe/Berlin")

    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("Europe/Berln", "Europe/Berlin"),
            ("europe/berlin", "Europe/Berlin"),
            ("Berlin", "Europe/Berlin"),
            ("New York", "America/New_York"),
            ("tokio", "Asia/Tokyo"),
        ],
    )
    def test_did_you_mean(self, name: str, near: str) -> None:
        assert nearest_zones(name)[0] == near
        with pytest.raises(ConfigError) as caught:
            zone(name)
        assert (caught.value.code, caught.value.help) == ("E11", f"did you mean {near}?")

    @pytest.mark.parametrize("name", ["", "Europe", "../etc/passwd", "/etc/localtime", "a\0b", "x" * 300])
    def test_nothing_of_the_file_system_shows(self, name: str) -> None:
        with pytest.raises(ConfigError) as caught:
            zone(name)
        assert caught.value.code == "E11"
        assert "No time zone found" not in str(caught.value)


class TestDurations:
    """Lengths of time as text."""

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("45m", 2700),
            ("1h30m", 5400),
            ("90s", 90),
            ("2d", 172_800),
            ("6h", 21_600),
            ("1w", 604_800),
            ("0", None),
            ("1 hour 30 minutes", 5400),
            ("PT1H30M", 5400),
            ("P1DT1H", 90_000),
            ("30M", None),
            ("1M", None),
            ("P1M", None),
            ("P", None),
            ("PT", None),
            ("45", None),
            ("m", None),
            ("-5m", None),
            ("1.5h", None),
            ("5x", None),
            ("", None),
            ("367d", None),
            ("999999999w", None),
        ],
    )
    def test_parse(self, text: str, seconds: int | None) -> None:
        if seconds is not None:
            assert parse_duration(text) == seconds
            return
        with pytest.raises(ConfigError) as caught:
            parse_duration(text)
        assert caught.value.code == "E11"
        assert caught.value.help

    def test_days_are_kept_apart_from_seconds(self) -> None:
        assert read_duration("1w 2d 3h 4m 5s") == Duration(days=9, seconds=3 * 3600 + 4 * 60 + 5)

    @given(st.integers(0, 366 * 86_400))
    @settings(max_examples=100, deadline=None)
    def test_write_is_the_inverse(self, seconds: int) -> None:
        assert parse_duration(write_duration(seconds)) == seconds


def test_the_hash_is_the_same_forever() -> None:
    """Changing it would move every `H` field and every `@every` grid of every user."""
    assert stable_hash("triage", "minute") == 11032809290088277595
    assert stable_hash("a", "bc") != stable_hash("ab", "c")
