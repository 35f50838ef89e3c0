"""Guards of what is limited: grants and their shares of a day, and what a day may cost.

Runs side by side use up the same limits, and a person may take a grant back, so they are looked at in the
commit: see ``why`` #58.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from scheduler.core.run.budget import DayCap
from scheduler.core.trust.approval import Share


@dataclass(frozen=True, slots=True)
class GrantStands:
    """The grant by which a call begins was not revoked meanwhile."""

    grant_id: str
    kind: ClassVar[str] = "grant-stands"


@dataclass(frozen=True, slots=True)
class ShareFree:
    """One more use of what is counted by the day is free.  Several are taken in their order."""

    share: Share
    kind: ClassVar[str] = "share-free"


@dataclass(frozen=True, slots=True)
class DayAffords:
    """The job's day, and the day of all jobs, has room for the request that the step opens."""

    cap: DayCap
    kind: ClassVar[str] = "day-affords"
