"""The orders port: read the crontab."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from scheduler.core.job.standing import StandingOrders


class Orders(Protocol):
    """Read the crontab, and detect changes of it and of the prompt files that it names."""

    def stamp(self) -> str:
        """Return a text that differs if the files may have changed; cheap."""
        ...

    def read(self, now: datetime) -> StandingOrders:
        """Read all that can be read: broken jobs are returned next to the good ones.

        Raises:
            ConfigError, NotFoundError: the file itself cannot be read.
        """
        ...
