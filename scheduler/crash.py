"""Crash points: named places at which a test can kill the process.

``crashpoint("W8")`` does nothing unless the environment variable ``AGENTCRON_CRASH`` names that point.
Then the process is killed by SIGKILL, like a power cut: no handler runs, nothing is flushed.
``AGENTCRON_CRASH=W8:3`` kills at the third visit.  The windows W0..W15 are those of ``docs/lifecycle.md``.
"""

import os
import signal

VARIABLE = "AGENTCRON_CRASH"

_visits: dict[str, int] = {}


def crashpoint(name: str) -> None:
    """Kill this process if the environment names the point ``name``; otherwise do nothing."""
    armed = os.environ.get(VARIABLE)
    if not armed:
        return
    point, _, visit = armed.partition(":")
    if point != name:
        return
    _visits[name] = _visits.get(name, 0) + 1
    if _visits[name] >= int(visit or 1):
        os.kill(os.getpid(), signal.SIGKILL)
