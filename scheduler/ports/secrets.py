"""The secrets port: values that tools may use and that nobody gets to read."""

from __future__ import annotations

from typing import Protocol, TypeVar

from scheduler.core.job.job import Job
from scheduler.errors import ToolFault

T = TypeVar("T")


class Secrets(Protocol):
    """The secrets of the jobs that this process takes on."""

    @property
    def longest(self) -> int:
        """The length in characters of the longest secret that was ever looked up; 0: there is none."""
        ...

    def learn(self, job: Job) -> None:
        """Look up all secrets of a job, so that ``hidden`` knows them; one that cannot be had is left out."""
        ...

    def value(self, job: Job, name: str) -> str:
        """Return a secret of a job, as it is at this moment.

        Raises:
            ToolFault: the job has none of that name, or it cannot be had.
        """
        ...

    def hidden(self, value: T) -> T:
        """Return a text, or a value that holds texts, without any secret that was ever looked up."""
        ...


class NoSecrets:
    """Where there are none: in tests, and in commands that take no run on."""

    longest = 0

    def learn(self, job: Job) -> None:
        """Do nothing."""

    def value(self, job: Job, name: str) -> str:
        """Refuse.

        Raises:
            ToolFault: always.
        """
        raise ToolFault(f"{job.name} has no secret {name}")

    def hidden(self, value: T) -> T:
        """Return what came."""
        return value
