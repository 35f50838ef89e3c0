"""What ``check`` and ``doctor`` find wrong with a crontab, beyond what its text alone shows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from scheduler.adapters import crontab_file
from scheduler.config import Config
from scheduler.core.crontab.lint import all_problems
from scheduler.core.crontab.problem import Problem
from scheduler.core.crontab.table import Table
from scheduler.core.job import Job
from scheduler.errors import AgentcronError

KEY_VARIABLE = "ANTHROPIC_API_KEY"
_KEY_VARIABLES = (KEY_VARIABLE, "ANTHROPIC_AUTH_TOKEN")  # those of scheduler.app, which is too heavy here


@dataclass(frozen=True, slots=True)
class Linted:
    """A crontab that was read, everything wrong with it, and which jobs lack a key."""

    table: Table
    problems: tuple[Problem, ...]
    keyless: tuple[str, ...]

    @property
    def errors(self) -> int:
        """How many problems must be mended."""
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def warnings(self) -> int:
        """How many problems are only doubtful."""
        return len(self.problems) - self.errors


def lint_crontab(config: Config, now: datetime) -> Linted:
    """Read a crontab and collect its problems, sorted by place.

    Raises:
        NotFoundError, CannotWorkError, ConfigError: it cannot be read at all.
    """
    return lint_text(config, crontab_file.read_text(config), now)


def lint_text(config: Config, text: str, now: datetime) -> Linted:
    """Collect the problems that a text would have as the crontab."""
    table = crontab_file.parse_text(config, text, now)
    problems = sorted((*all_problems(table, now), *_of_tools(table), *_of_rehearsals(table, config)))
    return Linted(table, tuple(problems), keyless_jobs(table.jobs))


def keyless_jobs(jobs: tuple[Job, ...]) -> tuple[str, ...]:
    """Return the enabled jobs that need a key of the API, when there is none."""
    if any(os.environ.get(name) for name in _KEY_VARIABLES):
        return ()
    return tuple(job.name for job in jobs if job.enabled and not job.model.startswith(crontab_file.REHEARSAL))


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


def _of_rehearsals(table: Table, config: Config) -> Iterator[Problem]:
    """Rehearsals whose script cannot be read: better said now than when the job fires."""
    named = [i for i, job in enumerate(table.jobs) if job.model.startswith(crontab_file.REHEARSAL)]
    if not named:
        return
    from scheduler.adapters.rehearsal import load_script

    for index in named:
        model = crontab_file.complete(config, table.jobs[index]).model
        try:
            load_script(model.removeprefix(crontab_file.REHEARSAL))
        except AgentcronError as error:
            yield _at_name(table, index, f"model: {error.message}", error.help)


def _at_name(table: Table, index: int, message: str, hint: str) -> Problem:
    place = table.places[index]
    span = place.name
    return Problem(table.file, span.line, span.col, "E11", message, "error", span.end_col, hint, place.source)
