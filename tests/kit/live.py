"""A crontab with every kind of job, and small questions to a home whose daemon runs."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Any

from tests.kit.processes import Installation, Process, until

CRONTAB = """\
CRON_TZ = Europe/Berlin
MODEL = rehearsal:quick.jsonl
@every 1m    watch   "Look."
0 9 * * 1-5  brief   "Brief me."   tz=America/New_York
@at 2031-12-01T09:00  launch  "Post the note."
30 17 * * FRI  weekly  budget=2.00/run
    Review the week.

    # Keep it short: quotes " and % and # are text.
@manual      nap     "Nap."        model=rehearsal:nap.jsonl
"""
QUICK = '{"text": "Done."}\n'
NAP = """\
{"text": "I lie down.", "calls": [{"name": "sleep", "input": {"until": "1h", "reason": "a nap"}}]}
{"text": "", "calls": [{"name": "finish", "input": {"summary": "Rested.", "outcome": "done"}}]}
"""
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")
RELOAD_SECONDS = 2.0


def start(place: Installation) -> Process:
    daemon = place.start("up")
    until(lambda: "crontab loaded" in daemon.stderr, 20, lambda: daemon.stderr)
    return daemon


def stop(daemon: Process) -> None:
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr


def soon(look: Callable[[], Any], daemon: Process) -> None:
    """Wait as long as a reload may take, and a little for a busy machine."""
    until(look, RELOAD_SECONDS + 2, lambda: daemon.stderr)


def jobs(place: Installation) -> dict[str, dict[str, Any]]:
    return {job["name"]: job for job in place.json("list")["jobs"]}


def state_of(place: Installation, run: str) -> str:
    return str(place.json("show", run)["run"]["state"])
