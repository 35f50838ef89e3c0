"""A table: the result of parsing a crontab."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.core.crontab.problem import Problem
from scheduler.core.crontab.source import Span
from scheduler.core.job.job import Job
from scheduler.core.job.option import Option


@dataclass(frozen=True, slots=True)
class InvalidJob:
    """A job that cannot be loaded.

    Args:
        name: None if it could not be determined.
        problem: its first error in one line.
    """

    name: str | None
    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a valid job, for the lint.

    Args:
        source: the text of the line that the spans are on.
        fields: the five schedule fields, or the one span of an ``@`` schedule.
        given: the options that its line, its prompt file or a default sets.
        spans: the options that its line sets and the lint needs, with the place of the value.
    """

    source: str
    name: Span
    fields: tuple[Span, ...]
    given: frozenset[str] = frozenset()
    spans: tuple[tuple[str, Span], ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """The jobs of a crontab and its problems; a bad line does not affect other jobs.

    Args:
        jobs: the valid ones, in the order of the file.
        problems: sorted by place.
        invalid: the jobs that have an error.
        places: one for each of ``jobs``.
        file: the name that problems carry.
        keep_seconds: the ``KEEP`` at the end of the file, for jobs that are no longer in it.
        fleet_usd: the most that all jobs may cost in a day; 0 for no cap, None if it has an error.
        fleet_tokens: the same in tokens; meaningless if that is None.
        linted: the options that the lint needs of each job.
    """

    jobs: tuple[Job, ...]
    problems: tuple[Problem, ...] = ()
    invalid: tuple[InvalidJob, ...] = ()
    places: tuple[Place, ...] = ()
    file: str = "crontab"
    keep_seconds: int = 0
    fleet_usd: float | None = 0.0
    fleet_tokens: int = 0
    linted: tuple[Option, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The errors."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings that need only the text; ``lint`` adds those that need a calendar."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors
