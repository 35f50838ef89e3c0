"""F41: every zone of the world, every change of its clocks, 2020 to 2035: a fixed time fires once a day."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from scheduler.core.time.cron import Cron

FIXED = ("0 0 * * *", "30 0 * * *", "30 1 * * *", "15 2 * * *", "30 2 * * *", "0 3 * * *", "59 23 * * *")
DAY = timedelta(days=1)

EVERY = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
LONG = os.environ.get("AGENTCRON_SOAK") == "1"
ZONES = EVERY if LONG else EVERY[::11]


def changes(place: ZoneInfo) -> list[datetime]:
    """Return the days (UTC) on which a zone's offset changes."""
    days = (datetime(2020, 1, 1, tzinfo=UTC) + number * DAY for number in range(16 * 365))
    return [
        day for day in days if day.astimezone(place).utcoffset() != (day + DAY).astimezone(place).utcoffset()
    ]


@pytest.mark.soak
@pytest.mark.parametrize("name", ZONES)
def test_f41_a_fixed_time_fires_once_on_each_day_around_every_change(name: str) -> None:
    place = ZoneInfo(name)
    crons = [Cron(expr, tz=name) for expr in FIXED]
    for change in changes(place):
        first, last = change - 2 * DAY, change + 3 * DAY
        for cron in crons:
            days = []
            fire = cron.next_after(first)
            while fire is not None and fire <= last:
                # Where the last hour of a day is left out, its fire comes with the first moment of the next.
                moment = timedelta(seconds=1) if cron.expr == "59 23 * * *" else timedelta(0)
                days.append((fire - moment).astimezone(place).date())
                following = cron.next_after(fire)
                assert following is not None
                assert following > fire
                fire = following
            assert days == [days[0] + number * DAY for number in range(len(days))], (name, cron.expr, change)
            assert len(days) in (4, 5, 6)


def test_the_sweep_sees_changes() -> None:
    assert len(EVERY) > 400
    assert len(changes(ZoneInfo("Europe/Berlin"))) == 32
    assert len(changes(ZoneInfo("Australia/Lord_Howe"))) == 32
