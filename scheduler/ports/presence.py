"""The presence port: which other processes on this host are alive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scheduler.core.job.standing import RunnerInfo


class Presence(Protocol):
    """Identify live processes by the files that they hold locked."""

    def dead(self, runners: Sequence[RunnerInfo]) -> list[str]:
        """Return the ids of those runners that are certainly dead.

        A runner of another host, or of a platform without file locks, is never reported as dead here.
        """
        ...

    def forget(self, runners: Sequence[str]) -> None:
        """Remove the files of dead runners, after it is recorded that they are dead."""
        ...
