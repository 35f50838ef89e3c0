"""People: what a person answers, grants, takes back, steers."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, TypedDict

from scheduler.core.actor import Actor
from scheduler.core.run.run import State
from scheduler.core.trust.approval import Approval


class NewCaps(TypedDict, total=False):
    """Caps that a person gives to one run; what is left out stays as it is."""

    run_microusd: int
    run_tokens: int
    day_effects: int


class People(Protocol):
    """Answers to questions, and orders for runs, jobs and follow-ups."""

    # -- trust ------------------------------------------------------------------------------------
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
            RefusedError: it was answered or has expired, its run is over, or it is a question of the rule of
                two, which no grant lifts.
        """
        ...

    async def revoke(self, grant_id: str, now: datetime, *, actor: Actor) -> str:
        """Take back a grant that came of an approval; return the job it was for.

        Raises:
            NotFoundError: there is no such grant, or it was revoked.
        """
        ...

    async def clean(self, workdir: str, now: datetime, *, actor: Actor) -> bool:
        """Forget that private data may lie in a workdir; false when it was not marked so.

        Raises:
            RefusedError: the workdir is inside another one that is not clean.
        """
        ...

    # -- runs -------------------------------------------------------------------------------------
    async def cancel(self, run_id: str, now: datetime, reason: str, *, actor: Actor) -> State:
        """Cancel a run: at once when it is not running, else by a flag.  Returns the state it then has.

        Raises:
            RefusedError: the run is final already.
        """
        ...

    async def resume(
        self, run_id: str, now: datetime, text: str, caps: NewCaps | None = None, *, actor: Actor
    ) -> State:
        """Wake a sleeping, parked or retrying run now, or go on with a failed or cancelled one.

        With ``caps`` it has these from now on; when it cannot go on it does not get them.  Returns the state
        it had.

        Raises:
            RefusedError: the run is queued, running, succeeded or skipped.
        """
        ...

    async def raise_budget(self, run_id: str, now: datetime, caps: NewCaps, *, actor: Actor) -> None:
        """Give a run new caps.  One that is parked at the day's cap gets room there too.

        Raises:
            NotFoundError: there is no such run.
        """
        ...

    # -- jobs and follow-ups ----------------------------------------------------------------------
    async def pause(self, job: str, reason: str, now: datetime, *, actor: Actor) -> bool:
        """Pause a job; false when it was paused already."""
        ...

    async def unpause(self, job: str, now: datetime, next_fire: datetime | None, *, actor: Actor) -> bool:
        """Let a job fire again from ``next_fire`` on; nothing missed is made up.  Resets its failures."""
        ...

    async def confirm(self, name: str, code: str, now: datetime, *, actor: Actor) -> datetime | None:
        """Let a pending follow-up fire; return its first slot.

        Raises:
            NotFoundError, RefusedError: there is none; or it is not what the code stands for, or too late.
        """
        ...

    async def cancel_follow_up(self, name: str, now: datetime, *, actor: Actor) -> None:
        """End a follow-up; a live run of it goes on.  Raises NotFoundError."""
        ...
