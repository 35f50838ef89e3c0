"""Wake-ups: what a run that is not running waits for, and what has woken it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from scheduler.core.text.redact import OURS


class Waking(StrEnum):
    """Our own kinds of wake-ups.  Any other kind is one of events, and the set of them is open."""

    TIME = "time"
    """The instant of the agent's ``sleep``."""
    RETRY = "retry"
    """Back-off is over."""
    PROBE = "probe"
    """Check again whether the cause of parking is gone (a key, a permission)."""
    DAY = "day"
    """A new local day gives a new daily budget."""
    APPROVAL = "approval"
    """A question was answered, or has expired; then the call is denied."""
    DEADLINE = "deadline"
    """The deadline has passed: the run fails (it stays resumable)."""
    PERSON = "person"
    """A person ran ``agentcron resume``."""


BY_CLOCK = frozenset({Waking.TIME, Waking.RETRY, Waking.PROBE, Waking.DAY, Waking.DEADLINE})
"""Kinds that only the clock satisfies."""

OUR_KINDS = frozenset(Waking)


@dataclass(frozen=True, slots=True)
class WakeUp:
    """One open wake-up: satisfied by its instant or by an event of its kind and key, whichever is first.

    Args:
        kind: one of ours, or a kind of events.
        key: which of these events, by its key or its subject; empty for any.
        due: when the run is woken in any case (aware UTC); None: never by the clock.
        deadline: when the wait is given up (aware UTC): a parked run fails then, and a sleeping agent is told
            that the event did not come.

    Raises:
        ValueError: only the clock could end the wait, and there is no instant.
    """

    kind: str = field(metadata=OURS)
    key: str = field(default="", metadata=OURS)
    due: datetime | None = None
    deadline: datetime | None = None

    def __post_init__(self) -> None:
        if self.kind in BY_CLOCK and self.until is None:
            raise ValueError(f"a wake-up of the kind {self.kind} needs its instant")

    @property
    def until(self) -> datetime | None:
        """When the clock ends the wait; None: never."""
        return min((each for each in (self.due, self.deadline) if each is not None), default=None)


def earliest(wakeups: Iterable[WakeUp]) -> datetime | None:
    """Return when the clock ends the first of these waits; None: never."""
    return min((each.until for each in wakeups if each.until is not None), default=None)


@dataclass(frozen=True, slots=True)
class Woken:
    """Why a run was woken, kept until the agent was told.

    Args:
        planned: when it was due to wake, or None.
        slept_since: when it went to sleep.
        payload: the content of the event, or the message of a person.
        restored_from: the time of the backup from which the scheduler was restored meanwhile, or None.
        key: of the event, or of the wake-up whose event did not come.
        provenance: the author of the payload; empty if the clock ended the wait.
        earlier: an earlier event that woke the run, of which the agent was not told yet.
    """

    kind: str = field(metadata=OURS)
    at: datetime
    planned: datetime | None = None
    slept_since: datetime | None = None
    payload: str = ""
    restored_from: datetime | None = None
    key: str = ""
    provenance: str = field(default="", metadata=OURS)
    earlier: Woken | None = None

    @property
    def ends_sleep(self) -> bool:
        """Whether what the agent had waited for has come, and not a wake-up of the scheduler or a person."""
        return self.kind == Waking.TIME or self.is_event

    @property
    def is_event(self) -> bool:
        """Whether it is about an event that the agent waited for, received or not."""
        return self.kind not in OUR_KINDS
