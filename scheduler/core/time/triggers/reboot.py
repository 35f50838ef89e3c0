"""``@reboot``."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.core.time.triggers.base import Trigger


@dataclass(frozen=True, slots=True)
class Reboot(Trigger):
    """Fires once per boot of the machine; it never comes due by the clock."""

    kind = "reboot"
    word = "@reboot"
    by_clock = False

    def explain(self, tz: str = "UTC") -> str:
        """In words."""
        return "once after each boot of the machine"
