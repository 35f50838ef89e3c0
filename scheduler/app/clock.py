"""The clock and the zone of this machine, for doors."""

from __future__ import annotations

from datetime import datetime

from scheduler.views.clock import Wall, wall_of


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    # Through the module, here and below, so that a test can set the clock.
    from scheduler.adapters import system

    return system.now()


def pause(seconds: float) -> None:
    """Block this thread."""
    from scheduler.adapters import system

    system.pause(seconds)


def wall(zone_name: str | None = None) -> Wall:
    """Return the clock of ``zone_name``, or of this machine.

    Raises:
        ConfigError: there is no such zone.
    """
    from scheduler.adapters import system

    return wall_of(system.now(), system.local_zone(), zone_name)
