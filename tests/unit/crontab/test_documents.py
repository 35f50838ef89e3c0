"""What is written about the crontab is true: the starter, and the reader's guide."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from importlib import resources
from pathlib import Path

import pytest

from scheduler.core.crontab.load import ERRORS, WARNINGS, Table, all_problems, worst_case
from scheduler.core.crontab.options import OPTIONS
from scheduler.core.job.job import (
    DEFAULT_COMPACT_TOKENS,
    DEFAULT_MAX_STEPS,
    DEFAULT_MODEL,
    DEFAULT_PAUSE_AFTER,
    DEFAULT_RETRIES,
    DEFAULT_TIMEOUT_SECONDS,
    DEFAULT_WINDOW,
    Budget,
    Job,
)
from scheduler.core.time.trigger import Manual

Read = Callable[..., Table]

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/howto/crontab.md").read_text("utf-8")
BLOCKS = re.findall(r"^```crontab\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
PROMPTS = {"jobs/triage.md": "Triage.", "jobs/review.md": "Review."}


def starter() -> str:
    return resources.files("scheduler.doors.cli").joinpath("crontab.example").read_text("utf-8")


def rows(marker: str) -> list[list[str]]:
    """Return the cells of the table that stands below a marker in the guide."""
    table = GUIDE.partition(f"<!-- {marker}:")[2].partition("\n\n")[0].splitlines()[3:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def test_the_starter_is_the_example_at_the_top_of_the_repository() -> None:
    assert starter() == (ROOT / "crontab.example").read_text("utf-8")


def test_the_starter_is_clean_and_spends_nothing_by_itself(read: Read, now: datetime) -> None:
    table = read(starter())
    assert all_problems(table, now) == ()
    assert table.jobs
    assert all(isinstance(job.trigger, Manual) for job in table.jobs)
    assert worst_case(table.jobs, now).usd_per_day == 0


def test_the_starter_is_clean_with_every_job_switched_on(read: Read, now: datetime) -> None:
    text = re.sub(r"^#(?=[^ \n]| {4}[^ ]|$)", "", starter(), flags=re.MULTILINE)
    table = read(text)
    assert all_problems(table, now) == ()
    assert len(table.jobs) > 5


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_of_the_guide_is_free_of_errors(block: str, read: Read) -> None:
    table = read(block, PROMPTS)
    assert [problem.render() for problem in table.errors] == []
    assert table.jobs


def test_the_guide_shows_the_options_of_the_code() -> None:
    assert rows("options") == [
        [
            f"`{option.name}=`",
            option.default,
            option.meaning,
            " ".join(f"`{upper}`" for upper in option.uppers),
        ]
        for option in OPTIONS
    ]


def test_the_guide_lists_every_code() -> None:
    assert rows("errors") == [[code, text] for code, text in ERRORS.items()]
    assert rows("warnings") == [[code, text] for code, text in WARNINGS.items()]


def test_the_guide_shows_the_defaults_of_the_code() -> None:
    job = Job(name="x", trigger=Manual(), prompt="x")
    budget = Budget()
    expected = {
        "model": DEFAULT_MODEL,
        "budget": f"{budget.run_usd:.2f}/run {budget.day_usd:g}/day",
        "retries": f"{DEFAULT_RETRIES}, transient errors only, 30 s doubling to 30 min",
        "overlap / catchup / window": f"{job.overlap} / {job.catchup} / {DEFAULT_WINDOW}",
        "pause-after": f"{DEFAULT_PAUSE_AFTER} failures in a row",
        "timeout of an attempt": f"{DEFAULT_TIMEOUT_SECONDS // 60} min",
        "max-steps of an attempt": str(DEFAULT_MAX_STEPS),
        "compact, the size of a request": f"{DEFAULT_COMPACT_TOKENS // 1000}k tokens",
        "report": "none",
    }
    shown = dict(rows("defaults"))
    assert {what: shown[what] for what in expected} == expected


def test_the_default_of_an_option_is_what_a_job_gets() -> None:
    job = Job(name="x", trigger=Manual(), prompt="x")
    for option in (each for each in OPTIONS if each.field):
        if option.name in ("budget", "tz", "dst", "gate", "tools", "workdir", "report", "trust", "window"):
            continue
        assert option.read(option.default) == getattr(job, option.field), option.name
