"""People: answers, grants, revocations and control by a person."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, TypedDict

from scheduler.core.actor import Actor
from scheduler.core.run.run import State
from scheduler.core.trust.approval import Approval


class NewCaps(TypedDict, total=False):
    """Caps that a person sets for one run; a cap that is left out is unchanged."""

    run_microusd: int
    run_tokens: int
    day_effects: int


class People(Protocol):
    """Answers to questions, and commands for runs, jobs and follow-ups."""

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

        With ``always`` a grant for these exact arguments is written for the job, in the same transaction.
        Returns the question as it was.

        Raises:
            NotFoundError: there is no such question.
            RefusedError: it was answered or has expired, its run is over, or it is a question of the rule of
                two, which no grant overrides.
        """
        ...

    async def revoke(self, grant_id: str, now: datetime, *, actor: Actor) -> str:
        """Revoke a grant that came from an approval; return its job.

        Raises:
            NotFoundError: there is no such grant, or it was revoked.
        """
        ...

    async def clean(self, workdir: str, now: datetime, *, actor: Actor) -> bool:
        """Remove the mark of a workdir; false if it was not marked.

        Raises:
            RefusedError: the workdir is inside another one that is not clean.
        """
        ...

    # -- runs -------------------------------------------------------------------------------------
    async def cancel(self, run_id: str, now: datetime, reason: str, *, actor: Actor) -> State:
        """Cancel a run: at once if it is not running, else by a flag.  Returns its new state.

        Raises:
            RefusedError: the run is final already.
        """
        ...

    async def resume(
        self, run_id: str, now: datetime, text: str, caps: NewCaps | None = None, *, actor: Actor
    ) -> State:
        """Wake a sleeping, parked or retrying run now, or continue a failed or cancelled one.

        With ``caps`` it has these from now on; if it cannot continue it does not get them.  Returns the state
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
        """Let a job fire again from ``next_fire``; missed slots are not caught up.  Resets its failures."""
        ...

    async def confirm(self, name: str, code: str, now: datetime, *, actor: Actor) -> datetime | None:
        """Let a pending follow-up fire; return its first slot.

        Raises:
            NotFoundError, RefusedError: there is none; or the code does not match it, or it is too late.
        """
        ...

    async def cancel_follow_up(self, name: str, now: datetime, *, actor: Actor) -> None:
        """End a follow-up; a live run of it continues.  Raises NotFoundError."""
        ...
