"""The consent port: what a person answers, grants and takes back; a part of the store."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from scheduler.core.actor import Actor
from scheduler.core.trust.approval import Approval, Used


class Consent(Protocol):
    """What the store remembers of a person's consent."""

    async def used_today(self, job: str, since: datetime) -> Used:
        """Return what the runs of a job and of its follow-ups have begun since an instant."""
        ...

    async def answer(
        self,
        approval_id: str,
        now: datetime,
        *,
        approve: bool,
        always: bool = False,
        words: str = "",
        actor: Actor,
    ) -> Approval:
        """Record the answer to a question, once, and wake the run that waits for it.

        With ``always`` a grant for these very arguments is written for the job, in the same transaction.
        Returns the question as it was.

        Raises:
            NotFoundError: there is no such question.
            RefusedError: it was answered or has expired, its run is over, or it asks by the rule of two,
                which no grant lifts.
        """
        ...

    async def revoke(self, grant_id: str, now: datetime, *, actor: Actor) -> str:
        """Take back a grant that came of an approval; return the job it was for.

        Raises:
            NotFoundError: there is no such grant, or it was revoked.
        """
        ...

    async def clean(self, workdir: str, now: datetime, *, actor: Actor) -> bool:
        """Forget that private data may lie in a workdir; false when nothing was known.

        Raises:
            RefusedError: the workdir lies in another one that is not clean.
        """
        ...
