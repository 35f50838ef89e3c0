"""Follow-ups in the engine: what becomes of the schedule calls of one message, before they are committed."""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.run.budget import day_start
from scheduler.core.run.checkpoint import CallResult, Checkpoint
from scheduler.core.run.conversation import Call, CallState
from scheduler.core.run.follow_up import SEPARATOR, Family, FollowUp, draft, root_of
from scheduler.core.run.wake_note import local
from scheduler.core.trust import marks as seen
from scheduler.engine.attempt.decisions import profiles_of
from scheduler.engine.services import Kit
from scheduler.errors import ConfigError, RefusedError, ToolFault
from scheduler.ports.tool import CancelFollowUp, ListFollowUps, MakeFollowUp

LIMITS = "limits"
"""The rule of a wish for later that is refused: a follow-up is narrower than its maker, and there are few."""

PENDING = "pending"
"""The rule of one that waits for a person."""

NOT_FOR_LATER = ("sleep", "note", "finish")

ForLater = MakeFollowUp | CancelFollowUp | ListFollowUps


class Book:
    """The follow-ups of one job, as they stand and as the calls of a message change them."""

    def __init__(self, kit: Kit, at: Checkpoint, family: Family) -> None:
        self.made: list[FollowUp] = []
        self.unmade: list[str] = []
        self.marks: frozenset[str] = frozenset()
        """What the run has met by what it was told of."""
        self._kit, self._at, self._family = kit, at, family

    @classmethod
    async def open(cls, kit: Kit, at: Checkpoint) -> Book:
        """Read what there is, if a call of the last message wants to know."""
        if all(call.name in NOT_FOR_LATER or call.is_closed for call in at.calls):
            return cls(kit, at, Family())
        since = day_start(kit.clock.now(), at.job.tz)
        return cls(kit, at, await kit.store.family(root_of(at.job.name), since))

    def take(self, call: Call, wanted: ForLater) -> CallResult:
        """Note what a call changes, and return what the agent is told.

        Raises:
            ToolFault: it is refused.
        """
        try:
            match wanted:
                case MakeFollowUp():
                    return self._make(call, wanted)
                case CancelFollowUp(name):
                    return self._cancel(call, name)
                case ListFollowUps():
                    return self._list(call)
        except RefusedError as error:
            raise ToolFault(f"schedule: {error.message}", help=error.help) from error

    def _make(self, call: Call, wanted: MakeFollowUp) -> CallResult:
        at = self._at
        try:
            is_observer = any(profile.base == "observe" for profile in profiles_of(self._kit, at))
        except ConfigError as error:
            raise ToolFault(f"schedule: {error.message}") from error
        if is_observer:
            raise ToolFault("schedule: this job may only observe, so it makes nothing")
        # Reading "in 2h" from the moment the agent spoke, as sleep does: a crash must not move it.
        spoken = at.last.created_at if at.last is not None else self._kit.clock.now()
        new = draft(at.job, at.run, call.id, wanted.wish, self._family, spoken)
        self.made.append(new)
        self._family = Family((*self._family.members, new), self._family.made_today + 1)
        if new.state == "pending":
            told = (
                f"{new.name} is made, and waits: this run has read untrusted input, so a person must confirm "
                "it before it fires. You cannot do that, and need not wait for it."
            )
        else:
            assert new.next_fire is not None
            times = "once" if new.fires_left == 1 else f"at most {new.fires_left} times"
            told = (
                f"{new.name} is made. It fires {times}, first at {local(new.next_fire, at.job.tz)}, "
                f"and ends at {local(new.expires_at, at.job.tz)}."
            )
        return CallResult(call.id, CallState.DONE, told, rule=PENDING if new.state == "pending" else "")

    def _cancel(self, call: Call, name: str) -> CallResult:
        full = name if SEPARATOR in name else f"{root_of(self._at.job.name)}{SEPARATOR}{name}"
        found = self._family.find(full)
        if found is None:
            raise RefusedError(f"no follow-up of this job is called {name}", help="list them")
        members = tuple(each for each in self._family.members if each is not found)
        self._family = replace(self._family, members=members)
        if found in self.made:
            self.made.remove(found)
        else:
            self.unmade.append(full)
        return CallResult(call.id, CallState.DONE, f"{full} is cancelled; it fires no more.")

    def _list(self, call: Call) -> CallResult:
        lines = [self._line(each) for each in self._family.members]
        # Their names and times are an agent's words: who reads them has met all that their makers had met.
        self.marks = self.marks.union(*(seen.read(each.marks) for each in self._family.members))
        labels = sorted(mark for mark in self.marks if mark.startswith(seen.UNTRUSTED))
        told = "\n".join(lines) or "There are no follow-ups of this job."
        return CallResult(call.id, CallState.DONE, told, "+".join(["own", *labels]))

    def _line(self, each: FollowUp) -> str:
        tz = self._at.job.tz
        if each.state == "pending":
            when = "waits for a person to confirm it"
        elif each.next_fire is None:
            when = "fires no more"
        else:
            when = f"fires next at {local(each.next_fire, tz)}"
        by = "this run" if each.run_id == self._at.run.id else f"run {each.run_id}"
        end = local(each.expires_at, tz)
        return f"{each.name}: {each.job.trigger.describe()}; {when}; made by {by}; ends {end}"
