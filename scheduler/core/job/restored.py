"""A restore: this database is a backup, and lacks what was done after the backup was taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scheduler.core.time.instants import to_iso


@dataclass(frozen=True, slots=True)
class Restored:
    """The last restore.

    Args:
        taken_at: when the backup was taken.
        at: when the copy was first opened for work; everything before is doubtful.
        boot_id: the boot of the machine in which that happened.
    """

    taken_at: datetime
    at: datetime
    boot_id: str = ""

    def doubt(self, what: str) -> str:
        """Return the reason of a run or a slot, in one sentence without a full stop."""
        return f"restored from a backup of {to_iso(self.taken_at)}; {what} since then is unknown"
