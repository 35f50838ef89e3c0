"""The settings of a daemon, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.core.run.lease import LEASE_SECONDS, RENEW_SECONDS


@dataclass(frozen=True, slots=True)
class Settings:
    """All in seconds unless the name says otherwise.

    Args:
        concurrency: runs at a time.
        longest_wait_seconds: the longest time between two passes, so that a set clock is detected.
        poll_seconds: the interval of checks for changes by other processes, or of the crontab.
        halt_seconds: how long after a halt running work may end by itself.
        probe_seconds: the interval at which a run that is parked for a refused key tries the model again.
        soon_seconds: the same for checks without cost: log, trust file, workdir, tools.
        room_seconds: how long a run waits for the reservations of others before it tries again.
        open_seconds: how long a tool source may take to be opened.
        close_seconds: how long it may take to be closed, and then once more to end when it is cancelled.
        report_seconds: how long a sender may take for one notice.
        most_attempts: a run whose runners died this often is abandoned.
    """

    concurrency: int = 8
    lease_seconds: float = LEASE_SECONDS
    renew_seconds: float = RENEW_SECONDS
    grace_seconds: float = 30.0
    halt_seconds: float = 10.0
    room_seconds: float = 20.0
    longest_wait_seconds: float = 30.0
    poll_seconds: float = 0.5
    max_attempts: int = 5
    max_tokens: int = 16_000
    parked_days: int = 7
    probe_seconds: float = 3600.0
    soon_seconds: float = 60.0
    gate_seconds: float = 30.0
    gate_output_bytes: int = 16_000
    approval_seconds: float = 24 * 3600.0
    open_seconds: float = 30.0
    close_seconds: float = 10.0
    report_seconds: float = 60.0
