"""The crontab of a home, with the zone and the clock of this machine."""

from __future__ import annotations

from scheduler.adapters import system
from scheduler.adapters.crontab_file import CrontabFile
from scheduler.config import Config


def crontab_file(config: Config) -> CrontabFile:
    """Return the crontab of a home; nothing is read yet."""
    # Through the module, so that a test can set zone and clock.
    return CrontabFile(config, zone=system.local_zone, pause=system.pause)
