"""The system's clock and entropy: the only module that reads them."""

from __future__ import annotations

import os
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from scheduler.core.time.clocks import Reading

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds on a monotonic clock."""
        return time.monotonic()

    def reading(self) -> Reading:
        """Return all clocks of this machine at one moment."""
        awake = time.monotonic()
        if hasattr(time, "CLOCK_BOOTTIME"):
            boot = time.clock_gettime(time.CLOCK_BOOTTIME)
        elif hasattr(time, "CLOCK_UPTIME_RAW"):
            # macOS, clock_gettime(3): CLOCK_MONOTONIC continues during a sleep, CLOCK_UPTIME_RAW does not.
            boot, awake = time.clock_gettime(time.CLOCK_MONOTONIC), time.clock_gettime(time.CLOCK_UPTIME_RAW)
        else:
            boot = awake
        return Reading(self.now(), boot, awake)

    async def sleep(self, seconds: float) -> None:
        """Wait; cancellable."""
        # Imported here, because readers of the command line use `now` and must not pay 30 ms for asyncio.
        import asyncio

        await asyncio.sleep(seconds)


class SystemEntropy:
    """Random names."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def new_id(self) -> str:
        """Return a new run id: eight characters, the first a letter (so that no id looks like a number)."""
        first = self._random.choice(_ALPHABET[:26])
        return first + "".join(self._random.choices(_ALPHABET, k=7))


def now() -> datetime:
    """Return the present instant, for the command line's readers."""
    return datetime.now(UTC)


def pause(seconds: float) -> None:
    """Block this thread, for the command line's followers."""
    time.sleep(seconds)


def local_zone() -> str:
    """Return the IANA name of this machine's zone (TZ first, as usual), or ``UTC`` if it has none."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if named and Path("/usr/share/zoneinfo", named).is_file():
        return _plain_utc(named)
    link = Path("/etc/localtime")
    if link.is_symlink():
        _, found, name = str(link.resolve()).partition("zoneinfo/")
        if found:
            return _plain_utc(name)
    timezone = Path("/etc/timezone")
    if timezone.is_file():
        return _plain_utc(timezone.read_text(encoding="ascii", errors="replace").strip())
    return "UTC"


def _plain_utc(name: str) -> str:
    return "UTC" if name in ("", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Universal") else name


def boot_id() -> str:
    """Return an id of the machine's boot; empty if the platform has none."""
    linux = Path("/proc/sys/kernel/random/boot_id")
    if linux.is_file():
        return linux.read_text(encoding="ascii").strip()
    if sys.platform == "darwin":
        import subprocess

        out = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True, check=False
        )
        return out.stdout.strip()
    return ""
