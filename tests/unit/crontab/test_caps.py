"""Budgets as they are written: money and tokens, per run and per day, each of which may be left out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from scheduler.core.crontab.values import Caps, budget, fleet_budget
from scheduler.core.job.job import Budget, Job
from scheduler.core.job.stored import job_from_json, job_to_json
from scheduler.core.time.trigger import Manual
from scheduler.errors import ConfigError
from tests.unit.crontab.conftest import Read


@pytest.mark.parametrize(
    ("text", "caps"),
    [
        ("0.50/run 5/day", Caps(0.5, 5.0)),
        ("$2/run", Caps(2.0)),
        ("200ktok/run", Caps(run_tokens=200_000)),
        ("2Mtok/day", Caps(day_tokens=2_000_000)),
        ("0.50/run 5/day 200ktok/run 2Mtok/day", Caps(0.5, 5.0, 200_000, 2_000_000)),
        ("1.5mtok/day,5/day", Caps(day_usd=5.0, day_tokens=1_500_000)),
        ("50000tok/run", Caps(run_tokens=50_000)),
        ("40effects/day 6wakes/hour", Caps(day_effects=40, hour_wakes=6)),
        ("1effect/day, 1wake/hour", Caps(day_effects=1, hour_wakes=1)),
    ],
)
def test_a_budget_is_read(text: str, caps: Caps) -> None:
    assert budget(text) == caps


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty budget"),
        ("200ktok", '"200ktok" is not a cap'),
        ("$5ktok/day", "is not a cap"),
        ("5k/day", "is not a cap"),
        ("2Mtok/week", "is not a cap"),
        ("-2Mtok/day", "is not a cap"),
        ("1.5tok/run", '"1.5tok" is not a number of tokens'),
        ("1/run 2/run", "two caps on the money of a run"),
        ("1ktok/day 2Mtok/day", "two caps on the tokens of a day"),
        ("4effects/run", "is not a cap"),
        ("4effects/hour", "is not a cap"),
        ("6wakes/day", "is not a cap"),
        ("6 wakes/hour", '"6" is not a cap'),
        ("1effect/day 2effects/day", "two caps on the effects of a day"),
        ("1wake/hour 2wakes/hour", "two caps on the wake-ups of an hour"),
        ("0effects/day", "a budget of 0effects/day allows no run"),
        ("0/run", "a budget of 0/run allows no run"),
        ("0Mtok/day", "a budget of 0Mtok/day allows no run"),
    ],
)
def test_what_is_no_budget(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("$", r"\$")):
        budget(text)


def test_what_is_left_out_comes_from_above(read: Read) -> None:
    table = read(
        '@manual first "Hi"\n'
        "BUDGET = 300ktok/run\n"
        '@manual second "Hi"\n'
        '@manual third "Hi" budget="1/run 2Mtok/day"\n'
    )
    first, second, third = (job.budget for job in table.jobs)
    assert first == Budget()
    assert second == Budget(run_tokens=300_000)  # its money is the one that nobody wrote
    assert third == Budget(1.0, 5.0, default=False, run_tokens=300_000, day_tokens=2_000_000)


def test_all_jobs_together_have_caps_of_a_day(read: Read) -> None:
    table = read('FLEET_BUDGET = 20/day 10Mtok/day\n@manual x "Hi"\n')
    assert (table.fleet_usd, table.fleet_tokens) == (20.0, 10_000_000)
    table = read('FLEET_BUDGET = 10Mtok/day\n@manual x "Hi"\n')
    assert (table.fleet_usd, table.fleet_tokens) == (0.0, 10_000_000)
    with pytest.raises(ConfigError, match="money or tokens per day"):
        fleet_budget("20/day 1Mtok/run")


def test_a_job_that_was_pinned_before_there_were_caps_on_tokens_is_read() -> None:
    job = Job("x", Manual(), "Hi", budget=Budget(1.0, 2.0, False, 5_000, 9_000))
    values = json.loads(json.dumps(job_to_json(job)))
    assert job_from_json(values) == job

    values["budget"] = {"run_usd": 1.0, "day_usd": 2.0, "default": False}
    assert job_from_json(values).budget == Budget(1.0, 2.0, default=False)


def test_what_only_a_newer_version_knows_of_a_job_is_named_and_kept() -> None:
    job = Job("x", Manual(), "Hi")
    newer = json.loads(json.dumps(job_to_json(job))) | {"region": ["eu"], "unknown": 1}
    newer["budget"]["month_usd"] = 1.5
    read = job_from_json(newer)
    assert read.unknown == (("region", '["eu"]'), ("unknown", "1"), ("budget.month_usd", "1.5"))
    assert replace(read, unknown=()) == job
    assert job_to_json(read) == newer
