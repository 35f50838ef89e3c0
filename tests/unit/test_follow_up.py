"""Attenuation: a follow-up is never wider than its maker, nor than its job is when it fires."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.changes.follow_up import (
    MAX_A_DAY,
    MAX_DEPTH,
    MIN_INTERVAL_SECONDS,
    TTL,
    Family,
    FollowUp,
    Wish,
    draft,
    read_schedule,
    slot_within,
    within,
)
from scheduler.core.job.job import DEFAULT_TOOLS, Budget, Job
from scheduler.core.job.stored import job_from_json, job_to_json
from scheduler.core.run.cause import BY_SCHEDULE
from scheduler.core.run.run import Run, State
from scheduler.core.time.trigger import At, CronTrigger, Every, Manual
from scheduler.core.trust.marks import Marks
from scheduler.errors import RefusedError

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday
JOB = Job(
    "ci",
    Manual(),
    "Look after the build.",
    tz="Europe/Berlin",
    budget=Budget(0.50, 5.00),
    tools=("read", "schedule"),
    workdir="/srv/ci",
    env=(("A", "1"), ("B", "2")),
    secrets=(("TOKEN", "env:TOKEN"),),
    trust="careful",
)
RUN = Run("run1", "ci", State.RUNNING, BY_SCHEDULE, NOW, NOW, cost_microusd=200_000)
WISH = Wish("check", "in 2h", "Is it green?")


def made(maker: Job = JOB, run: Run = RUN, wish: Wish = WISH, family: Family = Family()) -> FollowUp:  # noqa: B008
    return draft(maker, run, "call1", wish, family, NOW)


NARROWER = {"name", "trigger", "prompt", "prompt_file", "budget", "made_by", "depth", "ends_at", "line"}
"""Whatever else a job has, a follow-up has from its maker."""


def test_all_but_its_own_schedule_and_prompt_is_its_makers() -> None:
    job = made().job
    for field in fields(Job):
        if field.name not in NARROWER:
            assert getattr(job, field.name) == getattr(JOB, field.name), field.name
    assert job.budget.run_usd == pytest.approx(0.30)
    assert (job.name, job.made_by, job.depth) == ("ci/check", "run1", 1)


def test_it_reads_back_as_it_was_and_under_the_same_code() -> None:
    follow_up = made()
    again = replace(follow_up, job=job_from_json(job_to_json(follow_up.job)))
    assert again == follow_up
    assert again.code == follow_up.code


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "Is it green? "},
        {"tools": ("read", "shell")},
        {"trust": None},
        {"ends_at": ""},
        {"tz": "UTC"},
    ],
)
def test_any_change_is_another_code(change: dict[str, object]) -> None:
    follow_up = made()
    other = replace(follow_up, job=replace(follow_up.job, **change))  # type: ignore[arg-type]
    assert other.code != follow_up.code


def test_a_follow_up_of_one_ends_when_that_ends_at_the_latest() -> None:
    parent = made().job
    child = draft(parent, replace(RUN, id="run2"), "c", WISH, Family(), NOW + timedelta(days=6))
    assert child.expires_at == NOW + TTL
    assert (child.name, child.job.depth) == ("ci/check", 2)
    with pytest.raises(RefusedError, match="does not fire within 1d"):
        draft(parent, RUN, "c", replace(WISH, when="in 30h"), Family(), NOW + timedelta(days=6))


def test_the_last_generation_makes_none() -> None:
    with pytest.raises(RefusedError, match="generation"):
        made(replace(made().job, depth=MAX_DEPTH))


def test_nothing_left_is_nothing_to_give() -> None:
    with pytest.raises(RefusedError, match="budget"):
        made(run=replace(RUN, cost_microusd=500_000))


def test_every_cap_of_its_maker_is_its_own_and_of_the_run_only_what_is_left() -> None:
    capped = replace(JOB, budget=Budget(0.50, 2.0, False, 100_000, 900_000, 40, 6))
    job = made(capped, run=replace(RUN, cost_microusd=100_000, tokens=30_000)).job
    assert job.budget == Budget(0.40, 2.0, False, 70_000, 900_000, 40, 6)
    with pytest.raises(RefusedError, match="budget"):
        made(capped, run=replace(RUN, tokens=100_000))

    stricter = replace(JOB, budget=Budget(1.0, 1.0, False, None, 800_000, None, 2))
    assert within(job, stricter).budget == Budget(0.40, 1.0, False, 70_000, 800_000, 40, 2)


def test_a_day_has_its_cap_whatever_was_cancelled() -> None:
    with pytest.raises(RefusedError, match=f"{MAX_A_DAY} follow-ups today"):
        made(family=Family((), MAX_A_DAY))


@pytest.mark.parametrize(
    ("marks", "state"),
    [("", "open"), ("private:mail", "open"), ("external:post+untrusted:fetch", "pending")],
)
def test_it_keeps_the_marks_and_waits_when_they_are_untrusted(marks: str, state: str) -> None:
    follow_up = made(run=replace(RUN, marks=Marks.parse(marks)))
    assert (str(follow_up.marks), follow_up.state) == (marks, state)
    assert (follow_up.next_fire is None) == (state == "pending")


# -- what its job allows when it fires ------------------------------------------------------------
def test_what_the_owner_has_taken_away_since_is_gone() -> None:
    stricter = replace(
        JOB, tools=("read",), budget=Budget(0.10, 1.00), env=(("A", "1"), ("B", "3")), secrets=(), max_steps=5
    )
    job = within(made().job, stricter)
    assert (job.tools, job.env, job.secrets, job.max_steps) == (("read",), (("A", "1"),), (), 5)
    assert (job.budget.run_usd, job.budget.day_usd) == (0.10, 1.00)


def test_what_the_owner_has_added_since_is_not_there() -> None:
    richer = replace(
        JOB,
        tools=("read", "schedule", "shell"),
        budget=Budget(9, 90),
        env=(*JOB.env, ("C", "3")),
        max_steps=999,
    )
    assert within(made().job, richer) == replace(made().job, budget=made().job.budget)


TOOLS = st.none() | st.lists(st.sampled_from(["read", "write", "fetch", "shell"]), unique=True).map(tuple)


@given(TOOLS, TOOLS)
def test_tools_are_never_more_than_either_has(
    own: tuple[str, ...] | None, root: tuple[str, ...] | None
) -> None:
    left = within(replace(made().job, tools=own), replace(JOB, tools=root)).tools
    assert left is not None
    assert set(left) == set(DEFAULT_TOOLS if own is None else own) & set(
        DEFAULT_TOOLS if root is None else root
    )


# -- schedules ------------------------------------------------------------------------------------
def test_a_schedule_is_the_crontabs_or_an_instant_as_sleep_takes_it() -> None:
    def read(text: str) -> object:
        return read_schedule(text, "ci/check", JOB, NOW)

    assert isinstance(read("0 9 * * 1-5"), CronTrigger)
    assert isinstance(read("@hourly"), CronTrigger)
    assert read("@every 45m") == read("every 45m") == Every("45m", "ci/check")
    assert read("tomorrow 09:00") == At(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
    assert read("@at 2026-11-21T09:00") == At(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
    assert read("2026-11-21 09:00 Europe/Berlin") == At(datetime(2026, 11, 21, 8, 0, tzinfo=UTC))
    for refused in ("@reboot", "@manual", "@event x", "61 * * * *", "whenever it is green", ""):
        with pytest.raises(RefusedError):
            read(refused)


@given(st.from_regex(r"\A(\*|\*/[1-9][0-9]?|[0-9]{1,2}(,[0-9]{1,2})?|H) (\*|[0-9]{1,2}) \* \* \*\Z"))
def test_no_accepted_schedule_fires_closer_than_the_least_interval(expr: str) -> None:
    try:
        follow_up = made(wish=replace(WISH, when=expr))
    except RefusedError:
        return
    slot, before = follow_up.next_fire, None
    while slot is not None and slot <= follow_up.expires_at:
        assert before is None or (slot - before).total_seconds() >= MIN_INTERVAL_SECONDS
        before, slot = slot, follow_up.job.trigger.next_after(slot)


def test_a_slot_must_be_in_time_and_within_the_count() -> None:
    assert slot_within(NOW, NOW, 1) == NOW
    assert slot_within(NOW + timedelta(seconds=1), NOW, 1) is None
    assert slot_within(NOW, NOW, 0) is None
    assert slot_within(None, NOW, 1) is None
