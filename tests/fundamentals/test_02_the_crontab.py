"""The crontab: one file defines which agents run, when, with which prompt and budget.

Read this from top to bottom; each test shows one thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import pytest

from scheduler.core.crontab.load import Table, all_problems, parse, worst_case
from scheduler.core.job.job import Job
from scheduler.errors import NotFoundError

SUNDAY = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Folder:
    """The crontab's folder, with one prompt file in it.

    The parser opens no files itself: it uses a ``Look``.  The real one reads the disk.
    """

    def absolute(self, path: str) -> str:
        return f"/home/me/agents/{path}"

    def read_prompt(self, path: str) -> str:
        if path != "jobs/triage.md":
            raise NotFoundError(f"prompt file {path} does not exist", help="create it")
        return "---\nbudget: 0.20/run\n---\nLook at the new issues and label them."

    def gate_problem(self, _command: str) -> str | None:
        return None

    def editable(self, _jobs: Sequence[Job]) -> Iterator[tuple[int, str, str, str]]:
        return iter(())

    def workdir_problem(self, _workdir: str) -> str | None:
        return None


def read(text: str) -> Table:
    return parse(text, file="crontab", look=Folder(), now=SUNDAY)


def test_a_job_is_when_name_and_prompt() -> None:
    table = read('0 9 * * 1-5  morning-brief  "Summarise overnight PRs"')

    (job,) = table.jobs
    assert job.name == "morning-brief"
    assert job.prompt == "Summarise overnight PRs"
    assert job.trigger.explain() == "at 09:00 on Monday to Friday (UTC)"
    assert job.trigger.next_after(SUNDAY) == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def test_options_follow_the_prompt() -> None:
    (job,) = read('@every 45m  watch-ci  "Check CI on main"  retries=1 overlap=queue timeout=10m').jobs

    assert (job.retries, job.overlap, job.timeout_seconds) == (1, "queue", 600)


def test_defaults_hold_for_the_jobs_below_them() -> None:
    table = read(
        """
CRON_TZ = Europe/Berlin
BUDGET  = 0.50/run 5/day
0 9 * * *  breakfast  "What is new?"
0 9 * * *  far-away   "What is new?"  tz=Asia/Tokyo
"""
    )

    assert [job.tz for job in table.jobs] == ["Europe/Berlin", "Asia/Tokyo"]


def test_a_long_prompt_is_on_indented_lines() -> None:
    (job,) = read(
        """
30 17 * * FRI  weekly-review  budget=2.00/run
    Review the week.

    # What I want
    Under 20 lines.  100% plain text: quotes " and % and # need no escape.
"""
    ).jobs

    assert job.prompt.splitlines()[0] == "Review the week."
    assert job.prompt.splitlines()[2] == "# What I want"


def test_a_prompt_may_be_a_file_with_settings_of_its_own() -> None:
    (job,) = read("H/30 * * * *  triage  @jobs/triage.md").jobs

    assert job.prompt == "Look at the new issues and label them."
    assert job.budget.run_usd == 0.20


def test_a_mistake_is_shown_with_its_place_and_its_remedy() -> None:
    table = read('0 25 * * 1-5  morning-brief  "Summarise overnight PRs"')

    assert table.errors[0].render().splitlines() == [
        "crontab:1:3: error E02 hour 25 is out of range 0-23",
        '  1 | 0 25 * * 1-5  morning-brief  "Summarise overnight PRs"',
        "    |   ^^",
        "  help: for 1 am write `0 1 * * 1-5`",
    ]


def test_one_bad_line_never_stops_the_other_jobs() -> None:
    table = read('0 9 * * *  good  "Hi"\n0 99 * * *  bad  "Hi"\n0 10 * * *  fine  "Hi"')

    assert [job.name for job in table.jobs] == ["good", "fine"]
    assert [(job.name, job.line, job.problem) for job in table.invalid] == [
        ("bad", 2, "E02 hour 99 is out of range 0-23")
    ]


def test_an_ordinary_cron_line_is_refused_and_rewritten() -> None:
    table = read('0 9 * * * claude -p "Summarise overnight PRs"')

    assert table.errors[0].code == "E16"
    assert table.errors[0].help == 'write `0 9 * * *  claude  "Summarise overnight PRs"`'


@pytest.mark.parametrize("later", ['@heartbeat  x  "Hi"', '@daily  x  "Hi"  notify=me'])
def test_what_is_not_built_yet_is_refused_never_ignored(later: str) -> None:
    assert "is not supported yet" in read(later).errors[0].message


def test_lint_says_what_is_legal_and_probably_not_meant() -> None:
    table = read('30 2 * * *  nightly  "Tidy up"  tz=Europe/Berlin')

    assert table.ok
    assert [warning.message for warning in all_problems(table, SUNDAY)] == [
        "on 2027-03-28 clocks in Europe/Berlin move forward past 02:30; the job runs once at 03:00",
        "on 2027-10-31 clocks in Europe/Berlin move back and 02:30 comes twice; "
        "the job runs in the first pass only",
    ]


def test_the_worst_day_is_known_beforehand() -> None:
    table = read(
        '@hourly    watch  "Look"    budget="0.10/run 5/day"\n'
        '0 9 * * *  brief  "Report"  budget="0.70/run 5/day"\n'
        '@manual    hello  "Hello"   budget="1.00/run 5/day"'
    )

    worst = worst_case(table.jobs, SUNDAY)
    assert worst.describe() == "3 jobs, 25 runs/day, at most $3.10/day by your budgets"
