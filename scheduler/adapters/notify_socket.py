"""Notify systemd: readiness, status and heartbeat.

The protocol (sd_notify) is one datagram of ``NAME=value`` lines to the socket that ``NOTIFY_SOCKET`` names.
Only the passes of the runner's loop feed the watchdog: a loop that hangs, or waits for
a committer that hangs, sends no heartbeat, and systemd restarts the process.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import MutableMapping
from datetime import datetime

from scheduler.core.text.english import counted
from scheduler.core.text.safe import safe_text
from scheduler.ports.clock import Clock
from scheduler.ports.observer import Observer

log = logging.getLogger("agentcron")

EXTEND_EVERY_SECONDS = 2.0
EXTEND_SECONDS = 15.0
"""While the daemon stops it requests this much more time, this often; a hang there ends at the limit."""


class NotifySocket(Observer):
    """Send messages to the service manager that started this process.

    Args:
        address: a path, or ``@NAME`` for an abstract socket.
        watchdog_seconds: how long we may be silent before we count as hung; None: there is no watchdog.
    """

    def __init__(self, address: str, clock: Clock, watchdog_seconds: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._clock = clock
        self._pet_every = None if watchdog_seconds is None else watchdog_seconds / 2
        self._petted: float | None = None
        self._extended: float | None = None
        self._ready = False
        self._stopping = False
        self._status = ""
        self._deaf = False

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str], clock: Clock) -> NotifySocket | None:
        """Return the socket that the environment names, or None.

        The variables are removed from it: child processes must not send messages in our name.
        """
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        pid = environment.pop("WATCHDOG_PID", "")
        if not address:
            return None
        if not address.startswith(("/", "@")):
            log.warning("NOTIFY_SOCKET=%s is of a kind that is not known here", address)
            return None
        for_us = not pid or pid == str(os.getpid())
        watched = int(microseconds) / 1e6 if for_us and microseconds.isdecimal() else 0.0
        return cls(address, clock, watched or None)

    @property
    def is_watched(self) -> bool:
        """Whether a watchdog must be fed."""
        return self._pet_every is not None

    # -- messages of the process ------------------------------------------------------------------
    def reloading(self) -> None:
        """Report that the crontab is read again; ``loaded`` ends that."""
        self._ready = False
        self._send("RELOADING=1", f"MONOTONIC_USEC={round(self._clock.monotonic() * 1e6)}")

    def stopping(self) -> None:
        """Report that the daemon stops; from now on heartbeats request more time."""
        self._stopping = True
        self._send("STOPPING=1", "STATUS=stopping: running steps are finished or handed back")

    # -- as an observer ---------------------------------------------------------------------------
    def loaded(self, jobs: int, problem: str) -> None:
        """Report readiness: for the first time, or again after a reload, even a failed one."""
        text = f"the crontab was not loaded: {problem}" if problem else f"{counted(jobs, 'job')} loaded"
        lines = [] if self._ready else ["READY=1"]
        self._ready = True
        self._send(*lines, self._new_status(text))

    def passed(self, jobs: int, running: int, next_due: datetime | None) -> None:
        """Report the amount of work."""
        due = f"next due {next_due:%Y-%m-%d %H:%M:%S} UTC" if next_due else "nothing due"
        self._say(f"{counted(jobs, 'job')}, {counted(running, 'run')} at work, {due}")

    def troubled(self, problem: str) -> None:
        """Report a problem."""
        self._say(f"waiting: {problem}")

    def beat(self, monotonic: float) -> None:
        """Feed the watchdog, at half of its interval; request more time while the daemon stops."""
        if self._pet_every is not None and _is_over(self._petted, self._pet_every, monotonic):
            self._petted = monotonic
            self._send("WATCHDOG=1")
        if self._stopping and _is_over(self._extended, EXTEND_EVERY_SECONDS, monotonic):
            self._extended = monotonic
            self._send(f"EXTEND_TIMEOUT_USEC={round(EXTEND_SECONDS * 1e6)}")

    def _say(self, text: str) -> None:
        if text != self._status and not self._stopping:
            self._send(self._new_status(text))

    def _new_status(self, text: str) -> str:
        self._status = text
        return f"STATUS={safe_text(text)[:500]}"

    def _send(self, *lines: str) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
                ours.setblocking(False)
                ours.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            # There is no listener, or a slow one: agents continue.  It is logged once.
            if not self._deaf:
                log.warning("the service manager does not listen: %s", error.strerror or error)
            self._deaf = True
        else:
            self._deaf = False


def _is_over(last: float | None, seconds: float, now: float) -> bool:
    return last is None or now - last >= seconds
