"""A source of events: the interface of plug-ins of the group ``agentcron.sources``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scheduler.core.time.triggers.base import EventKind


class Source(Protocol):
    """Declare kinds of events, so that ``@event`` can be checked when a crontab is read."""

    def declares(self) -> Sequence[EventKind]:
        """Return the kinds of events that it may report; called at each reading, so it must be fast."""
