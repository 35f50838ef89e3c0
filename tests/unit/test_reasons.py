"""The table of reasons: complete, open at its end, and right about what a person types."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run import reasons
from scheduler.core.run.cause import BY_SCHEDULE
from scheduler.core.run.reasons import REASONS, RESUME, Ends
from scheduler.core.run.retry import TRANSIENT
from scheduler.core.run.run import Run, State

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
RUN = Run("r_1", "work", State.PARKED, BY_SCHEDULE, NOON, NOON, cost_microusd=512_000, tokens=200_100)


def typed(code: str, run: Run = RUN) -> str:
    run = replace(run, reason_code=code)
    return reasons.of(run).command(run)


def test_the_table_has_every_code_once_and_no_other() -> None:
    assert list(REASONS) == list(ReasonCode)


def test_every_meaning_is_one_sentence() -> None:
    for reason in REASONS.values():
        assert reason.meaning[0].isupper(), reason.code
        assert reason.meaning.endswith("."), reason.code
        assert ". " not in reason.meaning, reason.code


@pytest.mark.parametrize(
    ("code", "command"),
    [
        ("auth", "agentcron resume r_1"),
        ("approval", "agentcron approvals"),
        ("context", "agentcron run work"),
        ("budget", "agentcron resume r_1 --budget 1.51"),
        ("budget-day", "agentcron resume r_1 --budget 1.51"),
        ("budget-tokens", "agentcron resume r_1 --budget 301ktok"),
        ("budget-day-tokens", "agentcron resume r_1 --budget 301ktok"),
        ("effects-day", "agentcron resume r_1 --budget +10effects"),
        ("budget-fleet", "agentcron resume r_1"),
        ("paused", "agentcron unpause work"),
    ],
)
def test_what_a_person_types(code: str, command: str) -> None:
    assert typed(code) == command


def test_a_skipped_slot_is_fired_again_and_not_resumed() -> None:
    for code in ("gate", "restored", "misfire", "overlap"):
        assert typed(code, replace(RUN, state=State.SKIPPED)) == "agentcron run work"
    assert typed("restored") == "agentcron resume r_1"


def test_a_run_that_waits_for_requests_that_are_out_needs_no_new_cap() -> None:
    assert typed("budget-day", replace(RUN, state=State.RETRYING)) == "agentcron resume r_1"


def test_a_code_of_a_newer_version_is_left_to_a_person() -> None:
    assert "quota-of-the-moon" not in REASONS
    found = reasons.find("quota-of-the-moon")
    assert (found.ends, found.way, found.unit) == (Ends.NEVER, RESUME, None)
    assert typed("quota-of-the-moon") == "agentcron resume r_1"
    assert typed("") == "agentcron resume r_1", "a run that sleeps has no reason"


@pytest.mark.parametrize(
    ("ends", "codes"),
    [
        (Ends.SOON, {"log", "tool", "trust", "version", "workdir"}),
        (Ends.SLOW, {"auth", "billing", "key"}),
        (Ends.JOB_DAY, {"budget-day", "budget-day-tokens", "effects-day"}),
        (Ends.FLEET_DAY, {"budget-fleet", "budget-fleet-tokens"}),
        (Ends.TIME, {"wakes-hour", *TRANSIENT}),
        (Ends.ANSWER, {"approval"}),
    ],
)
def test_what_ends_by_itself(ends: Ends, codes: set[str]) -> None:
    assert {reason.code for reason in REASONS.values() if reason.ends is ends} == codes
