"""The presence port: which other processes on this host are alive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scheduler.core.job.standing import RunnerInfo


class Presence(Protocol):
    """Knows processes by the files that they hold locked."""

    def dead(self, runners: Sequence[RunnerInfo]) -> list[str]:
        """Return the ids of those runners that certainly do not live any more.

        A runner of another host, or of a platform without file locks, is never called dead here.
        """
        ...

    def forget(self, runners: Sequence[str]) -> None:
        """Remove what dead runners have left behind, once it is on record that they are dead."""
        ...
