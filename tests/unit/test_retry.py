"""Retry: what a failed request leads to, and how long is waited."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.retry import (
    LONGEST_ASKED_SECONDS,
    LONGEST_SECONDS,
    TRANSIENT,
    BackOff,
    after_fault,
    backoff_seconds,
    blip_seconds,
    is_blip,
)
from scheduler.core.run.turn import Fail, Park
from scheduler.errors import FaultKind, ModelFault


def fault(kind: FaultKind, retry_after: float | None = None) -> ModelFault:
    return ModelFault("no answer", kind=kind, retry_after_seconds=retry_after)


def test_the_wait_is_30_seconds_and_doubles_up_to_30_minutes() -> None:
    waits = [backoff_seconds(failures) for failures in range(1, 9)]
    assert waits == [30, 60, 120, 240, 480, 960, 1800, 1800]


def test_a_server_that_asks_for_more_is_obeyed_and_for_less_is_not() -> None:
    assert backoff_seconds(1, 3600) == 3600
    assert backoff_seconds(3, 5) == 120


def test_a_server_that_asks_for_years_is_asked_again_tomorrow() -> None:
    assert backoff_seconds(1, 1e15) == 24 * 3600


@given(st.integers(-5, 500), st.one_of(st.none(), st.floats(0, 1e7)))
def test_a_wait_is_never_shorter_than_half_a_minute_nor_than_asked_up_to_a_day(
    failures: int, asked: float | None
) -> None:
    wait = backoff_seconds(failures, asked)
    assert 30 <= wait <= max(LONGEST_SECONDS, asked or 0)
    assert wait >= min(asked or 0, LONGEST_ASKED_SECONDS)


@pytest.mark.parametrize(
    ("given_fault", "expected"),
    [
        (fault("cut"), True),
        (fault("overloaded"), True),
        (fault("overloaded", 30), True),
        (fault("overloaded", 31), False),
        (fault("rate_limited"), False),
        (fault("rate_limited", 30), True),
        (fault("rate_limited", 3600), False),
        (fault("auth"), False),
        (fault("billing"), False),
        (fault("invalid"), False),
        (fault("unknown"), False),
    ],
)
def test_a_blip_is_what_may_be_sent_again_within_seconds(given_fault: ModelFault, expected: bool) -> None:
    assert is_blip(given_fault) is expected


def test_blips_wait_longer_each_time_and_as_long_as_asked() -> None:
    assert [blip_seconds(fault("cut"), tries) for tries in (1, 2, 3)] == [1, 4, 16]
    assert blip_seconds(fault("rate_limited", 20), 1) == 20


def test_transient_faults_back_off_until_the_retries_are_used_up() -> None:
    assert after_fault(fault("cut"), 1, 3) == BackOff(ReasonCode.CUT, 30, "no answer")
    assert after_fault(fault("cut"), 3, 3) == BackOff(ReasonCode.CUT, 120, "no answer")
    assert after_fault(fault("cut"), 4, 3) == Fail(ReasonCode.MODEL, "no answer (4 attempts in a row)")
    assert after_fault(fault("cut"), 1, 0) == Fail(ReasonCode.MODEL, "no answer")


def test_what_does_not_pass_by_waiting_is_parked() -> None:
    assert after_fault(fault("auth"), 1, 3) == Park(ReasonCode.AUTH, "the API refuses the key: no answer")
    assert after_fault(fault("billing"), 9, 0) == Park(
        ReasonCode.BILLING, "the API requires payment: no answer"
    )
    assert after_fault(fault("invalid"), 1, 3) == Park(
        ReasonCode.INVALID, "the API refuses this conversation: no answer"
    )
    assert after_fault(fault("unknown"), 1, 3) == Park(
        ReasonCode.UNKNOWN_ANSWER, "the API gave an answer of an unknown kind: no answer"
    )


@given(st.sampled_from(get_args(FaultKind)), st.integers(1, 30), st.integers(0, 20))
def test_every_fault_has_an_answer_and_only_transient_ones_come_back_by_themselves(
    kind: FaultKind, failures: int, retries: int
) -> None:
    verdict = after_fault(fault(kind), failures, retries)
    assert isinstance(verdict, BackOff) == (kind in TRANSIENT and failures <= retries)
