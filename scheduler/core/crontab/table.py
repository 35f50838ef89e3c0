"""A table: what became of a crontab's text."""

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
        name: or None when it could not be made out.
        problem: its first error in one line.
    """

    name: str | None
    line: int
    problem: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a good job stands, so that the lint can point at it.

    Args:
        source: the text of the line that the spans are on.
        fields: the five schedule fields, or the one span of an ``@`` schedule.
        said: the options that its line, its prompt file or a default gives the job.
        spans: the options that its line gives and the lint asks about, with the place of the value.
    """

    source: str
    name: Span
    fields: tuple[Span, ...]
    said: frozenset[str] = frozenset()
    spans: tuple[tuple[str, Span], ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """The jobs of a crontab and all that is wrong with it; a bad line never costs another job.

    Args:
        jobs: the good ones, in the order of the file.
        problems: sorted by place.
        invalid: the jobs that have an error.
        places: one for each of ``jobs``.
        file: the name that problems carry.
        keep_seconds: the ``KEEP`` that holds at the end of the file, for jobs that are in it no more.
        fleet_usd: the most that all jobs may cost in a day; 0 for no cap, None when it cannot be read.
        fleet_tokens: the same in tokens; of no meaning when that is None.
        linted: the options that the lint asks about each job.
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
        """What must be corrected."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What the text alone makes doubtful; ``lint`` finds more, with the calendar in hand."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors
