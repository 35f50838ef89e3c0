"""The outbox: notices that wait to be sent, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scheduler.core.run.notice import Notice


@dataclass(frozen=True, slots=True)
class Pending:
    """A notice that this process now has the right to send; ``tries`` counts this one.

    ``run_id`` is empty when it is about a job or, with an empty ``job`` too, about the daemon.
    """

    id: int
    run_id: str
    job: str
    notice: Notice
    tries: int


class Outbox(Protocol):
    """What the store keeps of notices; those about a run are written by the step that is their cause."""

    async def take_notices(self, runner: str, now: datetime, limit: int) -> list[Pending]:
        """Take notices that are due to be sent; one taken by a process that died is taken again.

        One that has expired is given up, and not returned.
        """
        ...

    async def queue_notice(self, notice: Notice, now: datetime, job: str = "") -> bool:
        """Write a notice about a job or, with an empty ``job``, about the daemon.

        Returns whether it was written: not when another one of its kind holds its key.
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
        """Record that a notice was sent (no error), goes back (``tried``: it counts), or was given up.

        ``receipt`` is what the service calls one that was sent.
        """
        ...
