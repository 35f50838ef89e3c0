"""Estimate the cost of jobs: how often they run in a day, times what their budgets allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor

from scheduler.core.job.job import Budget, Job
from scheduler.core.job.option import Doubt
from scheduler.core.text.english import counted


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The maximum of a day, summed over jobs; manual runs are extra.

    Args:
        jobs: how many are enabled.
        runs_per_day: if all of them have their busiest day at once.
        usd_per_day: the same in US dollars, by the budgets.
        tokens_per_day: the same in tokens; None when any of them has no cap on those.
        default_budget_jobs: how many of them have no budget of their own.
    """

    jobs: int
    runs_per_day: int
    usd_per_day: float
    default_budget_jobs: int
    tokens_per_day: int | None = None

    def describe(self) -> str:
        """Return it in one line: ``3 jobs, 26 runs/day, at most $4.10/day by your budgets``."""
        runs = "1 run/day" if self.runs_per_day == 1 else f"{self.runs_per_day} runs/day"
        most = f"${self.usd_per_day:.2f}/day"
        if self.tokens_per_day:
            most += f" and {self.tokens_per_day:,} tokens/day"
        return f"{counted(self.jobs, 'job')}, {runs}, at most {most} by your budgets"


def worst_day_usd(job: Job, now: datetime) -> float:
    """Return the most US dollars that the scheduled runs of a job may cost in a day."""
    return min(ceil(job.trigger.fires_per_day(now)) * job.budget.run_usd, job.budget.day_usd)


def worst_day_tokens(job: Job, now: datetime) -> int | None:
    """Return the same in tokens; None without a cap on them."""
    budget, runs = job.budget, ceil(job.trigger.fires_per_day(now))
    if not runs:
        return 0
    caps = [] if budget.run_tokens is None else [runs * budget.run_tokens]
    if budget.day_tokens is not None:
        caps.append(budget.day_tokens)
    return min(caps, default=None)


def worst_case(jobs: Iterable[Job], now: datetime) -> WorstCase:
    """Sum up the enabled jobs."""
    enabled = [job for job in jobs if job.enabled]
    tokens = [worst_day_tokens(job, now) for job in enabled]
    return WorstCase(
        jobs=len(enabled),
        runs_per_day=sum(ceil(job.trigger.fires_per_day(now)) for job in enabled),
        usd_per_day=round(sum(worst_day_usd(job, now) for job in enabled), 4),
        default_budget_jobs=sum(job.budget.default for job in enabled),
        tokens_per_day=None if None in tokens else sum(each or 0 for each in tokens),
    )


def over_budget(job: Job, now: datetime) -> Iterator[Doubt]:
    """Yield W04 if the day's cap does not cover all runs of a day at the run's cap."""
    runs, budget = ceil(job.trigger.fires_per_day(now)), job.budget
    if not job.enabled:
        return
    yield from _over_tokens(runs, budget)
    if runs * budget.run_usd <= budget.day_usd:
        return
    total, paid = runs * budget.run_usd, floor(budget.day_usd / budget.run_usd + 1e-9)
    cents = floor(budget.day_usd / runs * 100 + 1e-9)
    hint = f', or write budget="{cents / 100:.2f}/run {budget.day_usd:g}/day"' if cents else ""
    yield Doubt(
        f"{runs} runs/day at ${budget.run_usd:.2f}/run may cost ${total:.2f}/day; "
        f"the cap of ${budget.day_usd:.2f}/day covers {paid}",
        f"run it less often{hint}",
        "W04",
    )


def _over_tokens(runs: int, budget: Budget) -> Iterator[Doubt]:
    """Yield W04 for tokens, if both the run and the day have a cap on them."""
    run, day = budget.run_tokens, budget.day_tokens
    if run is None or day is None or runs * run <= day:
        return
    yield Doubt(
        f"{runs} runs/day at {run:,} tokens/run may use {runs * run:,} tokens/day; "
        f"the cap of {day:,} tokens/day covers {day // run}",
        "run it less often, or change one of the two caps",
        "W04",
    )
