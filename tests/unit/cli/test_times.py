"""Times as people read and write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.core.time.instants import zone
from scheduler.errors import UsageError
from scheduler.views.clock import Wall, away, span

NOW = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
BERLIN = Wall(NOW, "Europe/Berlin", zone("Europe/Berlin"))


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (61, "1m 1s"),
        (3600, "1h"),
        (7500, "2h 5m"),
        (86400, "1d"),
        (2 * 86400 + 3 * 3600, "2d 3h"),
    ],
)
def test_a_span_has_at_most_two_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_how_far_away() -> None:
    assert away(2 * 86400 + 3 * 3600) == "in 2d 3h"
    assert away(-7500) == "2h 5m ago"
    assert away(0.4) == "now"
    assert away(59.9999) == "in 1m"


def test_the_wall_shows_local_time_and_the_year_only_when_it_is_another() -> None:
    assert BERLIN(NOW) == "Fri 20 Nov 08:30"
    assert BERLIN(NOW + timedelta(days=60)) == "2027-01-19 08:30"
    assert BERLIN.short(NOW) == "08:30"
    assert BERLIN.short(NOW + timedelta(days=1)) == "Sat 08:30"
    assert BERLIN.both(NOW + timedelta(hours=1)) == "Fri 20 Nov 09:30 (in 1h)"


@pytest.mark.parametrize(
    "text, utc",
    [
        ("now", "2026-11-20T07:30:00"),
        ("09:00", "2026-11-20T08:00:00"),
        ("yesterday 09:00", "2026-11-19T08:00:00"),
        ("tomorrow 09:00:30", "2026-11-21T08:00:30"),
        ("fri 09:00", "2026-11-20T08:00:00"),
        ("Saturday 09:00", "2026-11-14T08:00:00"),
        ("2026-12-01T09:00Z", "2026-12-01T09:00:00"),
        ("2026-12-01 09:00", "2026-12-01T08:00:00"),
        ("2026-12-01T09:00+05:00", "2026-12-01T04:00:00"),
        ("2026-03-29 02:30", "2026-03-29T01:00:00"),
    ],
)
def test_what_a_person_may_write(text: str, utc: str) -> None:
    assert BERLIN.read(text) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "2026-12-01", "someday 09:00", "friyay 09:00", "9999-99-99T00:00"]
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        BERLIN.read(text)
