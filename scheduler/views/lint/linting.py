"""Collect the problems of a crontab for ``check`` and ``doctor``, also those that its text does not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from scheduler.core.crontab.lint import all_problems
from scheduler.core.crontab.problem import Problem
from scheduler.core.crontab.table import Table
from scheduler.core.job import tool_names
from scheduler.errors import AgentcronError, ConfigError
from scheduler.ports.provider import FindProvider
from scheduler.views.lint.models import Unready, unpriced_models, unready_jobs
from scheduler.views.lint.preflight import Specs, at_name, of_trust

if TYPE_CHECKING:
    from scheduler.views.home import Home


@dataclass(frozen=True, slots=True)
class Linted:
    """A parsed crontab with its problems, what models need, and models without a price."""

    table: Table
    problems: tuple[Problem, ...]
    unready: tuple[Unready, ...]
    unpriced: tuple[str, ...] = ()

    @property
    def errors(self) -> int:
        """The number of errors."""
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def warnings(self) -> int:
        """The number of warnings."""
        return len(self.problems) - self.errors


def lint_crontab(home: Home, now: datetime) -> Linted:
    """Read a crontab and collect its problems, sorted by place.

    Raises:
        NotFoundError, CannotWorkError, ConfigError: it cannot be read at all.
    """
    return lint_text(home, home.crontab_text(), now)


def lint_text(home: Home, text: str, now: datetime) -> Linted:
    """Collect the problems of a text as if it were the crontab."""
    table, find = home.parse(text, now), home.find_provider
    foreign, of_backends = _backends(table, home)
    found = (*all_problems(table, now), *_of_tools(table), *_of_models(table, home), *of_backends)
    problems = sorted((*found, *of_trust(table, home.policy(), now, foreign)))
    jobs = table.jobs
    return Linted(table, tuple(problems), unready_jobs(jobs, find), unpriced_models(jobs, find))


def _of_tools(table: Table) -> Iterator[Problem]:
    """Tools that cannot be used: reported now and not when a run starts."""
    named = [(index, job, job.tools) for index, job in enumerate(table.jobs) if job.tools]
    if not named:
        return
    from scheduler.tools.registry import tool
    from scheduler.tools.sources import source_problem

    for index, job, tools in named:
        for source in tool_names.sources(tools):
            if (problem := source_problem(job, source)) is not None:
                yield _at_name(table, index, f"tools: {problem.message}", problem.help)
        for name in tool_names.installed(tools):
            try:
                tool(name)
            except AgentcronError as error:
                yield _at_name(table, index, f"tools: {error.message}", error.help)


def _of_models(table: Table, home: Home) -> Iterator[Problem]:
    """Models that do not exist, such as an unreadable script: reported now and not when a run starts."""
    wrong: dict[str, ConfigError | None] = {}
    for index, job in enumerate(table.jobs):
        if not job.asks_a_model:
            continue
        model = home.complete_model(job.model)
        if model not in wrong:
            wrong[model] = _wrong_model(model, home.find_provider)
        if (error := wrong[model]) is not None:
            yield _at_name(table, index, f"model: {error.message}", error.help)


def _backends(table: Table, home: Home) -> tuple[Mapping[str, Specs], list[Problem]]:
    """Return the tools of backends, by the name of the backend, and the problems of the others."""
    foreign: dict[str, Specs] = {}
    problems: list[Problem] = []
    for index, job in enumerate(table.jobs):
        if job.asks_a_model or job.backend in foreign:
            continue
        try:
            foreign[job.backend] = home.backend_tools(job.backend)
        except ConfigError as error:
            problems.append(_at_name(table, index, f"backend: {error.message}", error.help))
    return foreign, problems


def _wrong_model(model: str, find: FindProvider) -> ConfigError | None:
    try:
        problem = find(model).problem(model)
    except ConfigError as error:
        return error
    return problem if isinstance(problem, ConfigError) else None


def _at_name(table: Table, index: int, message: str, hint: str) -> Problem:
    return at_name(table, index, "E11", message, hint)
