"""The secrets port: values that only tools may use."""

from __future__ import annotations

from typing import Protocol, TypeVar

from scheduler.core.job.job import Job
from scheduler.errors import ToolFault

T = TypeVar("T")


class Secrets(Protocol):
    """The secrets of the jobs that this process runs."""

    @property
    def longest(self) -> int:
        """The length in characters of the longest secret that was ever looked up; 0: there is none."""
        ...

    def learn(self, job: Job) -> None:
        """Read all secrets of a job, so that ``hidden`` can remove them; unavailable ones are left out."""
        ...

    def value(self, job: Job, name: str) -> str:
        """Return the present value of a secret of a job.

        Raises:
            ToolFault: the job has no secret of that name, or it is not available.
        """
        ...

    def hidden(self, value: T) -> T:
        """Return a text, or a value that contains texts, without any secret that was ever read."""
        ...


class NoSecrets:
    """No secrets: for tests, and for commands that run no job."""

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
        """Return the value unchanged."""
        return value
