"""``@reboot``."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.core.time.triggers.base import Trigger


@dataclass(frozen=True, slots=True)
class Reboot(Trigger):
    """Fire once per boot of the machine, never by the clock."""

    kind = "reboot"
    word = "@reboot"
    by_clock = False

    def explain(self, tz: str = "UTC") -> str:
        """In words."""
        return "once after each boot of the machine"
