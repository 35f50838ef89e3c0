"""What an error or an interruption means for its run: the whole table, and that nothing is missing in it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from scheduler import errors
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.retry import BackOff
from scheduler.core.run.run import State
from scheduler.core.run.turn import NO_ROOM, Compact, Fail, Park
from scheduler.engine.attempt.failures import (
    Cancel,
    Doing,
    Leave,
    LookAgain,
    Release,
    Verdict,
    verdict_of,
)
from scheduler.engine.settings import Settings
from scheduler.errors import (
    AgentcronError,
    BadRowError,
    CannotWorkError,
    ConfigError,
    DayLogError,
    FactsChangedError,
    FaultKind,
    HaltedError,
    LostLeaseError,
    ModelFault,
    NotFoundError,
    OverBudgetError,
    PartError,
    RefusedError,
    ReplacedError,
    SendFault,
    StoreError,
    ToolFault,
    ToolLostError,
    UsageError,
    WhenError,
)
from scheduler.ports.backend import Interruption
from tests.kit.checkpoints import assistant, at, user

SETTINGS = Settings(room_seconds=20)
RUNNING = at(user())
LONG = at(user(1), assistant("end_turn", seq=2), user(3), assistant("end_turn", seq=4), user(5))
LOST = "install or repair what provides it, or cancel the run"

Expected = Verdict | Leave | None


def failed(text: str) -> Fail:
    """Return how a run fails of what cannot be right."""
    return Fail(ReasonCode.CONFIG, text)


def internal(text: str) -> Fail:
    """Return how a run fails of a bug."""
    return Fail(ReasonCode.INTERNAL, text)


def fault(kind: FaultKind, retry_after: float | None = None) -> ModelFault:
    """Return a fault of a model."""
    return ModelFault("no answer", kind=kind, retry_after_seconds=retry_after)


TABLE: list[tuple[AgentcronError, Doing, Expected]] = [
    (AgentcronError("x"), Doing.OTHER, failed("x")),
    (ConfigError("x"), Doing.OPENING, Park(ReasonCode.TOOL, f"x; {LOST}")),
    (ConfigError("x"), Doing.PROFILE, Park(ReasonCode.TRUST, "x")),
    (ConfigError("x"), Doing.CALLS, Park(ReasonCode.TRUST, "x")),
    (ConfigError("x"), Doing.REQUEST, Park(ReasonCode.KEY, "x")),
    (ConfigError("x"), Doing.SUMMARY, Park(ReasonCode.KEY, "x")),
    (ConfigError("x"), Doing.OTHER, failed("x")),
    (PartError("x"), Doing.CALLS, Park(ReasonCode.TOOL, f"x; {LOST}")),
    (PartError("x"), Doing.OTHER, Park(ReasonCode.TOOL, f"x; {LOST}")),
    (CannotWorkError("x"), Doing.REQUEST, Park(ReasonCode.KEY, "x")),
    (CannotWorkError("x"), Doing.OTHER, failed("x")),
    (DayLogError("x"), Doing.CALLS, Park(ReasonCode.LOG, "x")),
    (DayLogError("x"), Doing.OTHER, Park(ReasonCode.LOG, "x")),
    (StoreError("x"), Doing.REQUEST, Leave.OWED),
    (StoreError("x"), Doing.OTHER, Leave.OWED),
    (ReplacedError("x"), Doing.CALLS, Leave.OWED),
    (BadRowError("x"), Doing.REQUEST, internal("internal error: x")),
    (LostLeaseError("x"), Doing.CALLS, Leave.LOST),
    (LostLeaseError("x"), Doing.OTHER, Leave.LOST),
    (HaltedError("x"), Doing.REQUEST, Release()),
    (HaltedError("x"), Doing.OTHER, Release()),
    (FactsChangedError("x"), Doing.CALLS, LookAgain()),
    # It was raised by looking again: once more would not help.
    (FactsChangedError("x"), Doing.OTHER, failed("x")),
    (
        OverBudgetError("budget-day", 200_000, 0, 200_000),
        Doing.REQUEST,
        Park(ReasonCode.BUDGET_DAY, "the job has spent $0.20 of today's $0.20"),
    ),
    (
        OverBudgetError("budget-fleet-tokens", 900, 0, 800, "tokens"),
        Doing.REQUEST,
        Park(ReasonCode.BUDGET_FLEET_TOKENS, "all jobs have spent 900 of today's 800 tokens"),
    ),
    (
        OverBudgetError("budget-day", 100_000, 150_000, 200_000),
        Doing.REQUEST,
        BackOff(ReasonCode.BUDGET_DAY, 20, "requests that are out hold $0.15 of today's $0.20", "other runs"),
    ),
    (fault("auth"), Doing.REQUEST, Park(ReasonCode.AUTH, "the API refuses the key: no answer")),
    (fault("auth"), Doing.SUMMARY, Park(ReasonCode.AUTH, "the API refuses the key: no answer")),
    (fault("too_long"), Doing.REQUEST, Fail(ReasonCode.CONTEXT, f"{NO_ROOM}: no answer")),
    (fault("too_long"), Doing.SUMMARY, Fail(ReasonCode.CONTEXT, f"{NO_ROOM}: no answer")),
    (fault("invalid"), Doing.SUMMARY, Fail(ReasonCode.CONTEXT, f"{NO_ROOM}: no answer")),
    (fault("cut"), Doing.OTHER, Fail(ReasonCode.MODEL, "no answer")),
    (SendFault("x"), Doing.OTHER, failed("x")),
    (ToolFault("x"), Doing.CALLS, failed("x")),
    (ToolLostError("x"), Doing.CALLS, failed("x")),
    (WhenError("x", code="past"), Doing.OTHER, failed("x")),
    (UsageError("x"), Doing.OTHER, failed("x")),
    (NotFoundError("x"), Doing.OTHER, failed("x")),
    (RefusedError("x"), Doing.CALLS, failed("x")),
]


@pytest.mark.parametrize(("error", "doing", "expected"), TABLE, ids=lambda each: type(each).__name__)
def test_each_error_means_one_thing(error: AgentcronError, doing: Doing, expected: Expected) -> None:
    assert verdict_of(error, RUNNING, SETTINGS, doing) == expected


def test_the_table_has_a_line_for_every_error() -> None:
    classes = {each for each in vars(errors).values() if isinstance(each, type)}
    known = {each for each in classes if issubclass(each, AgentcronError)}
    assert {type(error) for error, _, _ in TABLE} == known


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left", "/w"), Fail(ReasonCode.SYSTEM, "No space left: /w")),
        (
            RecursionError(),
            Fail(ReasonCode.ANSWER, "what the model or a tool gave is nested too deeply to be kept"),
        ),
        (ZeroDivisionError("by 0"), internal("internal error: ZeroDivisionError: by 0")),
        (asyncio.CancelledError(), internal("its backend was cancelled from within")),
        (None, internal("its backend left the run neither over nor at rest")),
    ],
)
def test_what_is_no_error_of_ours_fails_the_run(error: BaseException | None, expected: Fail) -> None:
    assert verdict_of(error, RUNNING, SETTINGS) == expected


def test_whatever_breaks_in_reading_a_profile_allows_nothing_and_ends_nothing() -> None:
    park = verdict_of(ZeroDivisionError("by 0"), RUNNING, SETTINGS, Doing.PROFILE)
    assert park == Park(ReasonCode.TRUST, "its profile cannot be told: by 0")


def test_of_several_errors_the_first_one_counts() -> None:
    group = ExceptionGroup("both", [ExceptionGroup("one", [ConfigError("first")]), OSError("second")])
    assert verdict_of(group, RUNNING, SETTINGS) == failed("first")


# -- interruptions ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("why", "expected"),
    [
        ("stop", Release()),
        ("cancel", Cancel()),
        ("lost", Leave.LOST),
        ("timeout", Fail(ReasonCode.TIMEOUT, "the attempt took longer than 1800 s, its limit")),
    ],
)
def test_an_interruption_counts_more_than_the_error_that_it_causes(
    why: Interruption, expected: Expected
) -> None:
    job = replace(RUNNING.job, timeout_seconds=1800)
    checkpoint = replace(RUNNING, job=job)
    for error in (None, asyncio.CancelledError(), ConfigError("x")):
        assert verdict_of(error, checkpoint, SETTINGS, interruption=why) == expected


@pytest.mark.parametrize("why", ["stop", "cancel", "timeout"])
def test_without_a_database_or_a_lease_an_interruption_writes_nothing(why: Interruption) -> None:
    assert verdict_of(StoreError("x"), RUNNING, SETTINGS, interruption=why) is Leave.OWED
    assert verdict_of(LostLeaseError("x"), RUNNING, SETTINGS, interruption=why) is Leave.LOST


@pytest.mark.parametrize("why", [None, "stop", "cancel", "timeout"])
def test_a_run_that_rests_already_is_left_alone(why: Interruption | None) -> None:
    parked = replace(RUNNING, run=replace(RUNNING.run, state=State.PARKED))
    for error in (None, ConfigError("x"), ZeroDivisionError("x")):
        assert verdict_of(error, parked, SETTINGS, interruption=why) is None


# -- requests -----------------------------------------------------------------------------------------
def test_a_conversation_that_is_too_long_is_summed_up_once() -> None:
    first = verdict_of(fault("too_long"), LONG, SETTINGS, Doing.REQUEST)
    assert isinstance(first, Compact)
    assert first.must
    assert isinstance(verdict_of(fault("too_long"), LONG, SETTINGS, Doing.SUMMARY), Fail)


@pytest.mark.parametrize("doing", [Doing.REQUEST, Doing.SUMMARY, Doing.OTHER])
def test_a_fault_that_passes_is_waited_out_as_often_as_the_job_allows(doing: Doing) -> None:
    def of(failures: int) -> Expected:
        checkpoint: Checkpoint = replace(RUNNING, failures=failures)
        return verdict_of(fault("overloaded"), checkpoint, SETTINGS, doing)

    allowed = RUNNING.job.retries
    assert of(allowed) == BackOff(ReasonCode.OVERLOADED, 30 * 2 ** (allowed - 1), "no answer")
    assert isinstance(of(allowed + 1), Fail)
