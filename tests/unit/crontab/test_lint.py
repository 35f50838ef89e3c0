"""Lint, cost and plain words: what a schedule means, and what it may come to."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from scheduler.core.crontab.load import (
    Table,
    all_problems,
    lint,
    worst_case,
)
from scheduler.core.time.trigger import At, CronTrigger, Every, Manual, Reboot, Trigger

Read = Callable[..., Table]


@pytest.mark.parametrize(
    "expr, meaning",
    [
        ("0 9 * * 1-5", "at 09:00 on Monday to Friday"),
        ("7/30 * * * *", "every 30 minutes, at :07 and :37"),
        ("30 3 1 * FRI", "at 03:30 on day 1 of the month or on Friday (either matches)"),
        ("* * * * *", "every minute"),
        ("*/5 * * * *", "every 5 minutes, at :00, :05 ... :55"),
        ("5 * * * *", "every hour at :05"),
        ("10,25 * * * *", "every hour at :10 and :25"),
        ("@hourly", "every hour at :00"),
        ("@daily", "at 00:00 every day"),
        ("@weekly", "at 00:00 on Sunday"),
        ("0 */2 * * *", "every 2 hours, at 00:00, 02:00 ... 22:00"),
        ("0 */2 * * MON", "every 2 hours, at 00:00, 02:00 ... 22:00 on Monday"),
        ("0 9-17 * * *", "at :00 of the hours 09 to 17 every day"),
        (
            "*/5 9-17 * * MON-FRI",
            "every 5 minutes, at :00, :05 ... :55 in the hours 09 to 17 on Monday to Friday",
        ),
        ("0,30 9 * * *", "at 09:00 and 09:30 every day"),
        ("0 8 * * sun,sat", "at 08:00 on Saturday and Sunday"),
        ("0 8 * * fri-mon", "at 08:00 on Friday to Monday"),
        ("0 8 * nov-feb *", "at 08:00 every day in November to February"),
        ("0 8 1,15 1,3 *", "at 08:00 on days 1 and 15 of the month in January and March"),
        ("0 8 */2 * *", "at 08:00 on every 2nd day of the month from day 1"),
        ("0 8 L * *", "at 08:00 on the last day of the month"),
        ("0 8 15W * *", "at 08:00 on the Monday-to-Friday day nearest to day 15 of the month"),
        ("0 8 LW * *", "at 08:00 on the last Monday-to-Friday day of the month"),
        ("0 8 * * FRI#2", "at 08:00 on the 2nd Friday of the month"),
        ("0 8 * * 5L", "at 08:00 on the last Friday of the month"),
    ],
)
def test_explain_cron(expr: str, meaning: str) -> None:
    assert CronTrigger(expr, "Europe/Berlin", "x").explain() == f"{meaning} (Europe/Berlin)"


@pytest.mark.parametrize(
    "trigger, meaning",
    [
        (Every("45m"), "every 45 minutes of elapsed time"),
        (Every("1h"), "every hour of elapsed time"),
        (Every("1d"), "every 24 hours of elapsed time"),
        (Every("90s"), "every 90 seconds of elapsed time"),
        (
            At.parse("2026-12-01T09:00", "Europe/Berlin"),
            "once, at 09:00 on Tuesday 2026-12-01 (Europe/Berlin)",
        ),
        (Reboot(), "once after each boot of the machine"),
        (Manual(), "only on request"),
    ],
)
def test_explain_others(trigger: Trigger, meaning: str) -> None:
    assert trigger.explain("Europe/Berlin") == meaning


def test_explain_both_day_fields_joined_by_and() -> None:
    trigger = CronTrigger("0 9 1-7 * MON", "UTC", "x", None, "and")
    assert trigger.explain() == "at 09:00 on days 1 to 7 of the month and on Monday (both must match) (UTC)"


@pytest.mark.parametrize(
    "expr, dst, notes",
    [
        (
            "30 2 * * *",
            None,
            (
                "on 2027-03-28 clocks in Europe/Berlin move forward past 02:30; the job runs once at 03:00",
                "on 2027-10-31 clocks in Europe/Berlin move back and 02:30 comes twice; "
                "the job runs in the first pass only",
            ),
        ),
        (
            "*/30 2 * * *",
            None,
            (
                "on 2027-03-28 clocks in Europe/Berlin move forward past 02:00 and 02:30; "
                "the job does not run then",
                "on 2027-10-31 clocks in Europe/Berlin move back and 02:00 and 02:30 come twice; "
                "the job runs in both passes",
            ),
        ),
        (
            "*/5 2 28 3 *",
            "skip",
            (
                "on 2027-03-28 clocks in Europe/Berlin move forward past 02:00, 02:05, 02:10 and more; "
                "the job does not run then",
            ),
        ),
        ("30 1 * * *", None, ()),
        ("30 3 * * *", None, ()),
        ("*/30 * * * *", None, ()),
        ("@hourly", None, ()),
        ("30 2 * * MON", None, ()),
    ],
)
def test_dst_notes(expr: str, dst: str | None, notes: tuple[str, ...], now: datetime) -> None:
    trigger = CronTrigger(expr, "Europe/Berlin", "x", dst)  # type: ignore[arg-type]
    assert trigger.clock_notes(now) == notes


@pytest.mark.parametrize(
    "tz", ["UTC", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]
)
@pytest.mark.parametrize("hour", range(24))
def test_a_gap_is_noted_exactly_when_the_fires_show_it(tz: str, hour: int, now: datetime) -> None:
    """The sentence "runs once at HH:MM" is compared with what the trigger does."""
    trigger = CronTrigger(f"15 {hour} * * *", tz, "x")
    for note in trigger.clock_notes(now):
        if "forward" not in note:
            continue
        day, clock = note[3:13], note[-5:]
        fire = trigger.next_after(At.parse(f"{day}T00:00:00", tz).instant)
        assert fire is not None
        assert fire == At.parse(f"{day}T{clock}", tz).instant


def test_saying_what_one_means_silences_a_warning(read: Read, now: datetime) -> None:
    for line in (
        '0 9 13 * FRI a "Hi" fields=or',
        '0 9 13 * FRI a "Hi" fields=and',
        '0 9 */2 * MON a "Hi" fields=or',
        '30 2 * * * a "Hi" tz=Europe/Berlin dst=once',
        'DST = once\nCRON_TZ = Europe/Berlin\n30 2 * * * a "Hi"',
        'FIELDS = or\n0 9 13 * FRI a "Hi"',
    ):
        assert lint(read(line), now) == ()


def test_day_warnings_only_where_they_help(read: Read, now: datetime) -> None:
    for line in ('0 9 31 1,3 * a "Hi"', '0 9 */2 * * a "Hi"', '0 9 1-31 * * a "Hi"', '0 9 L * * a "Hi"'):
        assert lint(read(line), now) == (), line
    assert [p.message for p in lint(read('0 9 30 * * a "Hi"'), now)] == ["day 30 skips February"]


def test_a_crowd_needs_the_same_minute_of_the_same_day(read: Read, now: datetime) -> None:
    def codes(minute: str, extra: str = "") -> list[str]:
        days = ["MON", "TUE", "WED", "THU", "FRI"]
        text = "".join(f'{minute} 9 * * {days[i] if extra == "days" else "*"} j{i} "Hi"\n' for i in range(5))
        return [problem.code for problem in lint(read("JITTER = 5m\n" * (extra == "jitter") + text), now)]

    assert codes("0") == ["W05"]
    assert codes("H") == codes("7") == codes("0", "days") == codes("0", "jitter") == []


def test_a_default_above_a_job_that_cannot_be_read_is_not_called_unused(read: Read) -> None:
    assert [problem.code for problem in read('MODEL = x\n0 9 * * brief "Hi"').problems] == ["E01"]


def test_an_explicit_schedule_that_no_date_matches_is_an_error(read: Read) -> None:
    (problem,) = read('0 0 29 2 FRI#1 a "Hi" fields=and').problems
    assert (problem.code, problem.message) == ("E06", "no date ever matches this schedule")


@pytest.mark.parametrize(
    "schedule, per_day",
    [
        ("0 9 * * *", 1),
        ("0 9 * * MON", 1),
        ("*/5 9-17 * * *", 108),
        ("@every 45m", 32),
        ("@every 2d", 0.5),
        ("@at 2026-12-01T09:00", 1),
        ("@at 2026-11-01T09:00", 0),
        ("@reboot", 0),
        ("@manual", 0),
    ],
)
def test_fires_per_day(schedule: str, per_day: float, read: Read, now: datetime) -> None:
    (job,) = read(f'{schedule} a "Hi"').jobs
    assert job.trigger.fires_per_day(now) == per_day


def test_the_worst_case_of_a_day(read: Read, now: datetime) -> None:
    table = read(
        '@hourly a "Hi" budget="0.10/run 5/day"\n'
        '0 9 * * * b "Hi" budget="0.70/run 5/day"\n'
        '@every 1d c "Hi" budget="1.00/run 5/day"\n'
        '* * * * * off "Hi" enabled=no\n'
    )
    worst = worst_case(table.jobs, now)
    assert worst.describe() == "3 jobs, 26 runs/day, at most $4.10/day by your budgets"
    assert worst.default_budget_jobs == 0
    capped = worst_case(read('* * * * * a "Hi"').jobs, now)
    assert (capped.runs_per_day, capped.usd_per_day, capped.default_budget_jobs) == (1440, 5.0, 1)
    assert capped.describe() == "1 job, 1440 runs/day, at most $5.00/day by your budgets"


def test_warnings_and_errors_come_sorted_and_without_double(read: Read, now: datetime) -> None:
    table = read('MODEL = x\n0 9 1-1 * FRI b "Hi" model=y\n0 25 * * * c "Hi"')
    problems = all_problems(table, now)
    assert [(p.line, p.code) for p in problems] == [(2, "W01"), (2, "W06"), (3, "E02")]
    assert [p.code for p in table.warnings] == ["W06"]
    assert not table.ok


def test_a_long_crontab_costs_as_much_more_as_it_is_longer(read: Read) -> None:
    """An alarm for quadratic work: ten times the lines may cost thirty times as much, not a hundred."""
    lines = [
        f'{i % 60} {i % 24} * * {i % 7} job-{i} "Do {i}" tz=Europe/Berlin retries=1\n' for i in range(6_000)
    ]

    def seconds(work: Callable[[], object]) -> float:
        begin = time.process_time()
        work()
        return time.process_time() - begin

    read("".join(lines[:100]))  # what is cached is cached
    few = min(seconds(lambda: read("".join(lines[:600]))) for _ in range(3))
    assert seconds(lambda: read("".join(lines))) < 30 * few
    table, short = read("".join(lines[:500])), read("".join(lines[:50]))
    now = datetime(2026, 11, 22, tzinfo=UTC)
    few = min(seconds(lambda: all_problems(short, now)) for _ in range(3))
    assert seconds(lambda: all_problems(table, now)) < 30 * few
