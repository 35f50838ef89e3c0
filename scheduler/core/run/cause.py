"""Causes: what fired a run, with a key, so that each cause fires a job once."""

from __future__ import annotations

from dataclasses import dataclass, field

from scheduler.core.text.redact import OURS

SCHEDULE = "schedule"
REBOOT = "reboot"
PERSON = "person"
EVENT = "event"
BEAT = "beat"
PARENT = "parent"
RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Cause:
    """What fired a run.  The kinds above are ours; plug-ins may add others.

    Args:
        kind: what it is.
        key: which one: no two runs of a job have the same cause with the same key.  Empty for a person, who
            may fire twice, and for a schedule, where the run's fire time is the key.
    """

    kind: str = field(metadata=OURS)
    key: str = field(default="", metadata=OURS)


BY_SCHEDULE = Cause(SCHEDULE)
BY_PERSON = Cause(PERSON)
