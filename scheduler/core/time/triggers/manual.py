"""``@manual``."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.core.time.triggers.base import Trigger


@dataclass(frozen=True, slots=True)
class Manual(Trigger):
    """Fires only when a person says so (``agentcron run``)."""

    kind = "manual"
    word = "@manual"
    by_clock = False

    def explain(self, tz: str = "UTC") -> str:
        """In words."""
        return "only on request"
