"""The triggers that are built in: what they answer, how they are written down, and that they come back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.time.trigger import (
    At,
    CronTrigger,
    Event,
    Every,
    Manual,
    MissingTrigger,
    Reboot,
    Trigger,
    trigger_from_json,
)
from scheduler.errors import ConfigError

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001

ALL: list[tuple[Trigger, str]] = [
    (CronTrigger("0 9 * * 1-5", "Europe/Berlin", "brief", "elapsed", "and"), "0 9 * * 1-5"),
    (CronTrigger("@Daily"), "@Daily"),
    (Every("45m", name="watch-ci"), "@every 45m"),
    (Every(5400), "@every 1h30m"),
    (At.parse("2026-12-01T09:00", "Europe/Berlin"), "@at 2026-12-01T09:00"),
    (At(datetime(2026, 12, 1, 9, tzinfo=UTC)), "@at 2026-12-01T09:00:00Z"),
    (Reboot(), "@reboot"),
    (Manual(), "@manual"),
    (Event("file", "inbox/*.md"), "@event file:inbox/*.md"),
    (Event("github:push", "", (("repo", "a/b"),)), "@event github:push"),
]


@pytest.mark.parametrize(("trigger", "text"), ALL, ids=lambda value: str(value)[:30])
def test_described_and_stored_and_read_again(trigger: Trigger, text: str) -> None:
    assert trigger.describe() == text
    again = trigger_from_json(json.loads(json.dumps(trigger.to_json())))
    assert again == trigger
    assert again.describe() == text
    assert hash(again) == hash(trigger)


@pytest.mark.parametrize(
    "stored",
    [{"kind": "moonrise", "phase": 3}, {"kind": "cron", "expr": "61 * * * *"}, {"kind": "at"}, {}],
    ids=str,
)
def test_what_cannot_be_read_never_fires_and_is_kept(stored: dict[str, Any]) -> None:
    trigger = trigger_from_json(stored)
    assert isinstance(trigger, MissingTrigger)
    assert trigger.next_after(datetime(2026, 11, 22, tzinfo=UTC)) is None
    assert trigger.to_json() == stored
    assert "cannot be read here" in trigger.explain()
    assert trigger_from_json(trigger.to_json()) == trigger


@pytest.mark.parametrize(
    "trigger", [trigger for trigger, _ in ALL[:6]], ids=lambda trigger: trigger.describe()
)
def test_naive_instants_are_refused(trigger: Trigger) -> None:
    with pytest.raises(ConfigError, match="no time zone"):
        trigger.next_after(datetime(2026, 11, 22))  # noqa: DTZ001
    with pytest.raises(ConfigError, match="no time zone"):
        trigger.before(datetime(2026, 11, 22))  # noqa: DTZ001


class TestEvery:
    """Intervals."""

    @given(st.integers(1, 366 * 86_400), st.text(max_size=8), INSTANTS)
    @settings(max_examples=150, deadline=None)
    def test_a_grid(self, seconds: int, name: str, instant: datetime) -> None:
        every = Every(seconds, name)
        following, last = every.next_after(instant), every.before(instant)
        assert last <= instant < following
        assert following - last == timedelta(seconds=seconds)
        assert every.next_after(following - timedelta(microseconds=1)) == following
        assert every.before(following) == following

    def test_it_needs_no_start(self) -> None:
        """A daemon that is restarted every ten minutes still fires a job of 45 minutes."""
        every = Every("45m", name="watch-ci")
        seen = {every.next_after(NOW + timedelta(minutes=10 * restart)) for restart in range(100)}
        assert len(seen) == 23, "from the first start to the last are 990 minutes: 22 intervals"

    def test_jobs_with_the_same_interval_are_spread(self) -> None:
        minutes = {Every("1h", name=f"job-{n}").next_after(NOW).minute for n in range(40)}
        assert len(minutes) > 20

    @pytest.mark.parametrize("interval", [0, -5, "0s", "soon", 367 * 86_400, "5"])
    def test_bounds(self, interval: int | str) -> None:
        with pytest.raises(ConfigError) as caught:
            Every(interval)
        assert caught.value.code == "E11"

    def test_the_grid_never_moves(self) -> None:
        """It hangs on the name alone; a change here would shift every stored schedule."""
        assert Every("1h", name="watch-ci").next_after(NOW) == datetime(2026, 11, 22, 10, 19, 45, tzinfo=UTC)


class TestAt:
    """Single instants."""

    def test_it_comes_once(self) -> None:
        at = At.parse("2026-12-01T09:00", "Europe/Berlin")
        instant = datetime(2026, 12, 1, 8, tzinfo=UTC)
        assert at.next_after(NOW) == at.before(instant) == instant
        assert at.next_after(instant) is None
        assert at.before(instant - timedelta(seconds=1)) is None

    @pytest.mark.parametrize(
        ("text", "instant"),
        [
            ("2026-12-01T09:00Z", datetime(2026, 12, 1, 9, tzinfo=UTC)),
            ("2026-12-01T09:00+05:30", datetime(2026, 12, 1, 3, 30, tzinfo=UTC)),
            ("2026-03-29T02:30", datetime(2026, 3, 29, 1, tzinfo=UTC)),  # in the gap: its end
            ("2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # twice: the first
        ],
    )
    def test_texts(self, text: str, instant: datetime) -> None:
        assert At.parse(text, "Europe/Berlin").instant == instant

    @pytest.mark.parametrize(
        "text",
        ["2026-12-01", "tomorrow", "", "2026-02-30T09:00", "0001-01-01T00:00+14:00", "12/01/2026 09:00"],
    )
    def test_refusals(self, text: str) -> None:
        with pytest.raises(ConfigError) as caught:
            At.parse(text)
        assert caught.value.code == "E11"

    def test_kept_in_utc(self) -> None:
        at = At(datetime(2026, 12, 1, 9, tzinfo=timezone(timedelta(hours=1))))
        assert at.instant.utcoffset() == timedelta(0)
        with pytest.raises(ConfigError):
            At(datetime(2026, 12, 1, 9))  # noqa: DTZ001


@pytest.mark.parametrize("trigger", [Reboot(), Manual()])
def test_what_never_comes_due_by_the_clock(trigger: Reboot | Manual) -> None:
    assert trigger.next_after(NOW) is None
    assert trigger.before(NOW) is None


def test_a_wrong_expression_is_refused_when_the_trigger_is_made() -> None:
    with pytest.raises(ConfigError) as caught:
        CronTrigger("0 25 * * *")
    assert caught.value.code == "E02"
