"""What jobs may cost: how often they run in a day, times what their budgets allow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from scheduler.core.job.job import Job
from scheduler.core.text.english import counted
from scheduler.core.time.fields import HOUR, MINUTE
from scheduler.core.time.instants import DAY_SECONDS
from scheduler.core.time.slots import expand
from scheduler.core.time.trigger import At, CronTrigger, Every


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The most that a day can bring, summed over jobs; manual runs come on top.

    Args:
        jobs: how many are enabled.
        runs_per_day: if all of them have their busiest day at once.
        usd_per_day: the same in US dollars, by the budgets.
        tokens_per_day: the same in tokens; None when any of them has no cap on those.
        default_budget_jobs: how many of them run on the budget that nobody wrote.
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


def fires_per_day(job: Job, now: datetime) -> float:
    """Return how often the job's schedule fires on its busiest day; a fraction for intervals beyond a day.

    A product of how many minutes and hours there are, so the work does not depend on the answer.  Boots
    and manual runs cannot be foreseen and count as none.

    Args:
        now: an aware instant; an ``@at`` before it fires no more.
    """
    trigger = job.trigger
    if isinstance(trigger, CronTrigger):
        fields = trigger.cron.reading.fields
        return float(len(expand(MINUTE, fields[MINUTE])) * len(expand(HOUR, fields[HOUR])))
    if isinstance(trigger, Every):
        return DAY_SECONDS / trigger.seconds
    if isinstance(trigger, At):
        return 1.0 if trigger.instant > now else 0.0
    return 0.0


def worst_day_usd(job: Job, now: datetime) -> float:
    """Return the most US dollars that the scheduled runs of a job may cost in a day."""
    return min(ceil(fires_per_day(job, now)) * job.budget.run_usd, job.budget.day_usd)


def worst_day_tokens(job: Job, now: datetime) -> int | None:
    """Return the same in tokens; None when nothing caps them."""
    budget, runs = job.budget, ceil(fires_per_day(job, now))
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
        runs_per_day=sum(ceil(fires_per_day(job, now)) for job in enabled),
        usd_per_day=round(sum(worst_day_usd(job, now) for job in enabled), 4),
        default_budget_jobs=sum(job.budget.default for job in enabled),
        tokens_per_day=None if None in tokens else sum(each or 0 for each in tokens),
    )
