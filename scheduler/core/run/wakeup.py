"""Wake-ups: what a run that is not running waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from scheduler.core.text.redact import OURS


class Waking(StrEnum):
    """What kind of thing wakes a run."""

    TIME = "time"
    """The instant that the agent's ``sleep`` named."""
    RETRY = "retry"
    """Back-off is over."""
    PROBE = "probe"
    """Look again whether the cause of parking is gone (a key, a permission)."""
    DAY = "day"
    """A new local day gives a new daily budget."""
    APPROVAL = "approval"
    """A question was answered, or its time is up; then it counts as denied."""
    DEADLINE = "deadline"
    """Nobody came: the run is given up (it stays resumable)."""
    PERSON = "person"
    """Somebody typed ``agentcron resume``."""


@dataclass(frozen=True, slots=True)
class WakeUp:
    """One open wake-up.

    Args:
        due: when it comes at the latest (aware UTC).
        key: what it waits for, where that has a name: the id of a question.
    """

    kind: Waking
    due: datetime
    key: str = field(default="", metadata=OURS)


@dataclass(frozen=True, slots=True)
class Woken:
    """Why a run was woken, kept until the agent was told.

    Args:
        planned: when it was to wake, or None when it had no time.
        slept_since: when it went to sleep.
        text: what the person who woke it said.
        restored_from: when the backup was taken that the scheduler was restored from meanwhile, or None.
    """

    kind: Waking
    at: datetime
    planned: datetime | None = None
    slept_since: datetime | None = None
    text: str = ""
    restored_from: datetime | None = None
