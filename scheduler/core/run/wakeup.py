"""Wake-ups: what a run that is not running waits for, and what has come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from scheduler.core.text.redact import OURS


class Waking(StrEnum):
    """The kinds of wake-ups that are our own.  Any other is one of events, and there is no list of them."""

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


BY_CLOCK = frozenset({Waking.TIME, Waking.RETRY, Waking.PROBE, Waking.DAY, Waking.DEADLINE})
"""Kinds that nothing but the clock satisfies."""

OUR_KINDS = frozenset(Waking)


@dataclass(frozen=True, slots=True)
class WakeUp:
    """One open wake-up: satisfied by its instant or by an event of its kind and key, whichever is first.

    Args:
        kind: one of ours, or a kind of events.
        key: which of these events, by its key or its subject; empty for any.
        due: when the run is woken in any case (aware UTC); None: by no clock.
        deadline: when the wait is given up (aware UTC): a parked run fails then, and one that sleeps is told
            that it waited in vain.

    Raises:
        ValueError: only the clock could end the wait, and no instant is given.
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
        """When the clock ends the wait; None: it does not."""
        return min((each for each in (self.due, self.deadline) if each is not None), default=None)


def earliest(wakeups: Iterable[WakeUp]) -> datetime | None:
    """Return when the clock ends the first of these waits; None: it ends none."""
    return min((each.until for each in wakeups if each.until is not None), default=None)


@dataclass(frozen=True, slots=True)
class Woken:
    """Why a run was woken, kept until the agent was told.

    Args:
        planned: when it was to wake, or None when it had no time.
        slept_since: when it went to sleep.
        payload: what the event brought; of a person: their words.
        restored_from: when the backup was taken that the scheduler was restored from meanwhile, or None.
        key: of the event, or of the wake-up that waited for it in vain.
        provenance: whose words the payload is; empty where the clock ended the wait.
        earlier: an event that woke the run before, of which the agent was not told yet.
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
        """Whether what the agent had asked for has come; all else is the scheduler's, or a person's."""
        return self.kind == Waking.TIME or self.is_event

    @property
    def is_event(self) -> bool:
        """Whether it is about an event that the agent waited for, come or not."""
        return self.kind not in OUR_KINDS
