"""The orders port: read the crontab."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from scheduler.core.job.standing import StandingOrders


class Orders(Protocol):
    """Reads the crontab, and notices when it, or a prompt file that it names, has changed."""

    def stamp(self) -> str:
        """Return a text that differs whenever the files may have changed; cheap."""
        ...

    def read(self, now: datetime) -> StandingOrders:
        """Read all that can be read: broken jobs are returned next to the good ones.

        Raises:
            ConfigError, NotFoundError: the file itself cannot be read at all.
        """
        ...
