"""The mark of a copy, and the record of a restore: two rows of ``meta``.  Without SQLAlchemy."""

from __future__ import annotations

from datetime import datetime

from scheduler.adapters.sql.rows.work import dump, from_us, load, to_us
from scheduler.adapters.sql.states import one_of
from scheduler.core.job.restored import Restored
from scheduler.core.run.wakeup import BY_CLOCK

MARK = "copy"
"""The key of the row that stands in copies only: when the copy was taken."""

RESTORED = "restored"
"""The key of the row that tells of the last restore."""

_BY_CLOCK = one_of("w.kind", map(str, BY_CLOCK))
SLEEPS_ON = (
    "state = 'sleeping' AND wake_at > :now AND NOT EXISTS (SELECT 1 FROM wakeups w"
    f" WHERE w.run_id = runs.id AND w.state = 'open' AND NOT {_BY_CLOCK})"
)
"""Runs whose sleep reaches from before the backup into the future: only a person could have ended it.

One that waits for an event as well may have been woken since.
"""

DUE_JOBS = "state IN ('active', 'paused') AND next_fire <= :now"
"""Jobs with slots that may have fired since the backup."""

DOUBTFUL_NOTICES = "state IN ('taken', 'waiting') AND (state = 'taken' OR due_at <= :now)"
"""Notices that may have been sent since the backup; one whose time is still ahead cannot have been."""


def mark_text(taken_at: datetime) -> str:
    """Return the value of the mark."""
    return dump({"taken_at": to_us(taken_at)})


def mark_from(text: str) -> datetime:
    """Return what ``mark_text`` wrote."""
    return from_us(load(text)["taken_at"])


def restored_text(restored: Restored) -> str:
    """Return what is remembered of a restore."""
    values = {"taken_at": to_us(restored.taken_at), "at": to_us(restored.at), "boot_id": restored.boot_id}
    return dump(values)


def restored_from(text: str | None) -> Restored | None:
    """Return what ``restored_text`` wrote."""
    if text is None:
        return None
    values = load(text)
    return Restored(from_us(values["taken_at"]), from_us(values["at"]), values["boot_id"])
