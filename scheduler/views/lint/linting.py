"""What ``check`` and ``doctor`` find wrong with a crontab, beyond what its text alone shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from scheduler.core.crontab.lint import all_problems
from scheduler.core.crontab.problem import Problem
from scheduler.core.crontab.table import Table
from scheduler.core.job.job import Job
from scheduler.core.run.conversation import Usage
from scheduler.errors import AgentcronError
from scheduler.views.lint.preflight import at_name, of_trust

if TYPE_CHECKING:
    from scheduler.views.home import Home

KEY_VARIABLE = "ANTHROPIC_API_KEY"
REHEARSAL = "rehearsal:"

_PRICED = frozenset({"claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"})


@dataclass(frozen=True, slots=True)
class Linted:
    """A crontab that was read, everything wrong with it, jobs that lack a key, models without a price."""

    table: Table
    problems: tuple[Problem, ...]
    keyless: tuple[str, ...]
    unpriced: tuple[str, ...] = ()

    @property
    def errors(self) -> int:
        """How many problems must be mended."""
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def warnings(self) -> int:
        """How many problems are only doubtful."""
        return len(self.problems) - self.errors


def lint_crontab(home: Home, now: datetime) -> Linted:
    """Read a crontab and collect its problems, sorted by place.

    Raises:
        NotFoundError, CannotWorkError, ConfigError: it cannot be read at all.
    """
    return lint_text(home, home.crontab_text(), now)


def lint_text(home: Home, text: str, now: datetime) -> Linted:
    """Collect the problems that a text would have as the crontab."""
    table = home.parse(text, now)
    found = (*all_problems(table, now), *_of_tools(table), *_of_rehearsals(table, home))
    problems = sorted((*found, *of_trust(table, home.policy(), now)))
    return Linted(table, tuple(problems), keyless_jobs(table.jobs), unpriced_models(table.jobs, home))


def keyless_jobs(jobs: tuple[Job, ...]) -> tuple[str, ...]:
    """Return the enabled jobs that need a key of the API, when there is none."""
    if os.environ.get(KEY_VARIABLE):
        return ()
    return tuple(job.name for job in jobs if job.enabled and not job.model.startswith(REHEARSAL))


def unpriced_models(jobs: tuple[Job, ...], home: Home) -> tuple[str, ...]:
    """Return the models whose price is not known, so that their budgets cap tokens."""
    named = {job.model for job in jobs if not job.model.startswith(REHEARSAL)} - _PRICED
    if not named:
        return ()
    # The table of prices takes 0.2 s to load: only where somebody names an unusual model.
    return tuple(sorted(name for name in named if home.price(name, Usage()) is None))


def _of_tools(table: Table) -> Iterator[Problem]:
    """Tools that no installed distribution provides: found here, where entry points may be looked up."""
    named = [(index, job.tools) for index, job in enumerate(table.jobs) if job.tools]
    if not named:
        return
    from scheduler.tools.registry import check_names

    for index, tools in named:
        for name in tools:
            try:
                check_names([name])
            except AgentcronError as error:
                yield _at_name(table, index, f"tools: {error.message}", error.help)


def _of_rehearsals(table: Table, home: Home) -> Iterator[Problem]:
    """Rehearsals whose script cannot be read: better said now than when the job fires."""
    for index, job in enumerate(table.jobs):
        if not job.model.startswith(REHEARSAL):
            continue
        try:
            home.read_rehearsal(job)
        except AgentcronError as error:
            yield _at_name(table, index, f"model: {error.message}", error.help)


def _at_name(table: Table, index: int, message: str, hint: str) -> Problem:
    return at_name(table, index, "E11", message, hint)
