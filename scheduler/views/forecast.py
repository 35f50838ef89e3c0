"""Predict what becomes of the slots of a job that are due and not handled yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from scheduler.core.job.standing import Standing
from scheduler.core.run.run import State
from scheduler.views.jobs import Facts, job_reader

if TYPE_CHECKING:
    from scheduler.core.job.firing import Fire
    from scheduler.core.job.job import Job
    from scheduler.views.home import Home

MAX_FORECASTS = 50
"""For how many overdue jobs a list makes a forecast: each reads a job and searches its schedule."""


def forecast(facts: Facts, standing: Standing, job: Job) -> Sequence[Fire]:
    """Return the rows that a daemon would write if it started now, oldest first."""
    # Imported late: schedules take longer to import than a list takes to print.
    from scheduler.core.job.firing import FireFacts, decide

    live = [run for run in facts.runs if run.job == standing.name]
    known = FireFacts(
        standing.next_fire,
        tuple(run.id for run in live),
        tuple(run.id for run in live if run.state is State.PARKED),
        standing.paused_reason or "paused" if standing.state == "paused" else None,
    )
    return decide(job, known, facts.now).fires


def with_skips(home: Home, facts: Facts) -> Facts:
    """Return the facts with the reason for each overdue job of which no slot will run.

    Raises:
        StoreError: the database cannot be read.
    """
    overdue = [standing for standing in facts.standings if facts.is_overdue(standing)][:MAX_FORECASTS]
    if not overdue:
        return facts
    skips: dict[str, str] = {}
    with job_reader(home, facts) as job_of:
        for standing in overdue:
            job = job_of(standing.name)
            rows = forecast(facts, standing, job) if job is not None else ()
            if rows and all(row.action == "skip" for row in rows):
                skips[standing.name] = rows[-1].detail
    return replace(facts, skips=skips)
