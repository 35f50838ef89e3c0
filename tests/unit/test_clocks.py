"""Three clocks side by side tell whether somebody set the time or the machine slept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.core.time.clocks import Jump, Reading, jump_between, jump_since

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def reading(real: float, boot: float, awake: float) -> Reading:
    return Reading(NOON + timedelta(seconds=real), boot, awake)


@pytest.mark.parametrize(
    "later, kind, before, seconds",
    [
        ((7230, 30, 30), "set_forward", 30, 7200),
        ((-7170, 30, 30), "set_back", 30, 7200),
        ((3630, 3630, 30), "suspended", 30, 3600),
        # A machine without a clock of its own wakes up and is set by the network.
        ((86_430, 3630, 30), "set_forward", 3630, 82_800),
        ((3725, 3630, 30), "suspended", 125, 3600),
    ],
)
def test_a_jump_has_a_kind_and_a_size(
    later: tuple[float, float, float], kind: str, before: float, seconds: float
) -> None:
    jump = jump_between(reading(0, 0, 0), reading(*later))
    assert jump is not None
    assert (jump.kind, jump.seconds) == (kind, seconds)
    assert jump.at == NOON + timedelta(seconds=later[0])
    assert jump.before == NOON + timedelta(seconds=before)


@pytest.mark.parametrize(
    "later", [(30, 30, 30), (30.015, 30, 30), (31.9, 30, 30), (28.1, 30, 30), (31, 31, 30)]
)
def test_time_that_passes_and_a_clock_that_is_slewed_are_no_jumps(later: tuple[float, float, float]) -> None:
    assert jump_between(reading(0, 0, 0), reading(*later)) is None


def test_a_day_of_slewing_adds_up_to_no_jump() -> None:
    # 500 ppm is the most that a time service slews (adjtimex(2)); looks are half a minute apart at most.
    before = reading(0, 0, 0)
    for number in range(1, 2881):
        now = reading(30 * number * 1.0005, 30 * number, 30 * number)
        assert jump_between(before, now) is None
        before = now


def test_a_database_from_the_future_tells_that_the_clock_was_set_back() -> None:
    assert jump_since(None, NOON) is None
    assert jump_since(NOON - timedelta(hours=1), NOON) is None
    assert jump_since(NOON + timedelta(hours=2), NOON) == Jump(
        "set_back", NOON + timedelta(hours=2), NOON, 7200
    )
