"""Guards of limits: grants and their daily counts, and the daily budget.

Concurrent runs use up the same limits, and a person may revoke a grant, so they are checked in the commit:
see ``why`` #58.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scheduler.core.run.budget import DayCap
from scheduler.core.trust.approval import Share


@dataclass(frozen=True, slots=True)
class GrantStands:
    """The grant of a call that begins was not revoked meanwhile."""

    grant_id: str
    kind: ClassVar[str] = "grant-stands"


@dataclass(frozen=True, slots=True)
class ShareFree:
    """One more use is free of a daily limit.  Several are taken in order."""

    share: Share
    kind: ClassVar[str] = "share-free"


@dataclass(frozen=True, slots=True)
class DayAffords:
    """The job's day, and the day of all jobs, has room for the request that the step opens."""

    cap: DayCap
    kind: ClassVar[str] = "day-affords"
