"""The outbox: notices that wait to be sent, and their results."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scheduler.core.run.notice import Notice


@dataclass(frozen=True, slots=True)
class Pending:
    """A notice that this process may send now; ``tries`` includes this one.

    ``run_id`` is empty when it is about a job or, with an empty ``job`` too, about the daemon.
    """

    id: int
    run_id: str
    job: str
    notice: Notice
    tries: int


class Outbox(Protocol):
    """The store's part of notices; those about a run are written by the step that causes them."""

    async def take_notices(self, runner: str, now: datetime, limit: int) -> list[Pending]:
        """Claim notices that are due; one claimed by a dead process is claimed again.

        One that has expired is given up, and not returned.
        """
        ...

    async def queue_notice(self, notice: Notice, now: datetime, job: str = "") -> bool:
        """Write a notice about a job or, with an empty ``job``, about the daemon.

        Returns whether it was written: not if another one of its kind holds its key.
        """
        ...

    async def settle_notice(
        self,
        notice_id: int,
        now: datetime,
        error: str,
        retry_at: datetime | None,
        *,
        tried: bool = True,
        receipt: str = "",
    ) -> None:
        """Record that a notice was sent (no error), is due again (``tried``: it counts), or was given up.

        ``receipt`` is the reference of the service for a sent one.
        """
        ...
