"""What to do about the slots of a job that have come due: fire, or skip with a reason.

Given the job, what the store knows and the present moment, `decide` returns the rows to write and the
next slot to wait for. It is pure, so two daemons that see the same facts decide the same, and the store's
unique (job, fire time) lets one of them win.

Every due slot is accounted for exactly once. A row stands for its own slot and for ``missed`` earlier ones::

    first due slot                                                        now
    |------ older than the window ------|---- missed ----|--- on time ---|
            one row, skipped: misfire     `catchup` decides   one fire

However long nothing ran, the work is the same: the ends of these stretches are looked up backwards from
now, and counting stops at `MAX_COUNTED`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal

from scheduler.core.job.job import Job
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.job.restored import Restored
from scheduler.core.text.hashing import stable_hash
from scheduler.core.time.instants import as_utc, describe_seconds, to_iso
from scheduler.core.time.trigger import Trigger

GRACE_SECONDS = 60
"""A fire that is late by no more than this is on time."""
MAX_REPLAYS = 10
"""How many missed slots ``catchup=all`` makes up for; the older ones are given up."""
MAX_COUNTED = 1000
"""Where counting missed slots stops: ``missed == MAX_COUNTED`` means that many or more."""
MAX_WAITING = 10
"""How many live runs a job with ``overlap=queue`` may have before a fire is skipped."""

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class FireFacts:
    """What the store knows about a job when it comes due.

    Args:
        next_fire: the first slot that was not dealt with yet, or None when there is none.
        live_runs: ids of the job's runs that are not final, parked ones too.
        parked: those of them that wait for a person.
        paused_reason: why the job is paused, or None when it is not.
        enabled: false when the job is switched off beside the crontab.
        restored: the last restore of the database, as far as it casts doubt on this job's slots.
    """

    next_fire: datetime | None
    live_runs: tuple[str, ...] = ()
    parked: tuple[str, ...] = ()
    paused_reason: str | None = None
    enabled: bool = True
    restored: Restored | None = None


@dataclass(frozen=True, slots=True)
class Fire:
    """One row to write: a queued run, or a skipped one with its reason.

    Args:
        fire_time: the slot, in UTC; of several slots in one row the newest.
        action: whether a run is queued.
        reason: why it is skipped; empty for a fire.
        detail: the same in one sentence, or for a late fire how late it is; empty for a plain fire on time.
        missed: how many earlier slots the row stands for too; `MAX_COUNTED` means that many or more.
        last_missed: the newest of those earlier slots, or None.
        not_before: when the run may start (jitter, spread after a restart), or None for at once.
        replaces: live runs to cancel.
        serial: the run starts only when the job's earlier ones are final.
    """

    fire_time: datetime
    action: Literal["fire", "skip"]
    reason: ReasonCode | Literal[""] = ""
    detail: str = ""
    missed: int = 0
    last_missed: datetime | None = None
    not_before: datetime | None = None
    replaces: tuple[str, ...] = ()
    serial: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """Rows to write, oldest first, and the slot to wait for next (None: never again)."""

    fires: tuple[Fire, ...]
    next_fire: datetime | None


def first_fire(trigger: Trigger, first_loaded: datetime) -> datetime | None:
    """The first slot of a job that was first loaded at this instant: the first one after it.

    ``@at`` is its own first slot even when it is past: then the misfire rule speaks, and nothing is lost
    silently.
    """
    return trigger.first_fire(first_loaded)


def decide(job: Job, facts: FireFacts, now: datetime, fleet_spread_seconds: int = 0) -> Decision:
    """What to do about all slots of a job from ``facts.next_fire`` until now.

    Nothing is due when ``next_fire`` lies ahead, as it does after the clock was set back: what was fired
    stays fired. A job that is switched off keeps no account of its slots.

    Args:
        job: the job; ``catchup``, ``window_seconds``, ``jitter_seconds`` and ``overlap`` are its policies.
        facts: what the store knows, read in the transaction that will write the answer.
        now: the present moment, with a zone.
        fleet_spread_seconds: over how long late fires of all jobs are spread, at the start of a daemon.
    """
    now = as_utc(now)
    if facts.next_fire is None or facts.next_fire > now:
        return Decision((), facts.next_fire)
    following = job.trigger.next_after(now)
    if not (job.enabled and facts.enabled):
        return Decision((), following)
    first = as_utc(facts.next_fire)
    doubtful: tuple[Fire, ...] = ()
    if facts.restored is not None and first <= (until := min(facts.restored.at, now)):
        doubtful = (_Due(job, first, until, 0).doubtful(facts.restored),)
        later = job.trigger.next_after(until)
        if later is None or later > now:
            return Decision(doubtful, following)
        first = later
    due = _Due(job, first, now, fleet_spread_seconds)
    if facts.paused_reason is not None:
        return Decision((*doubtful, due.paused(facts.paused_reason)), following)
    rows = [*due.given_up(), *_against_live(due.fires(), job, facts)]
    return Decision((*doubtful, *rows), following)


def decide_at_once(job: Job, now: datetime, facts: FireFacts) -> Decision:
    """What to do about a job that no clock fires, but a boot or an event; the store asks once for each.

    The fire time is now, however long ago the machine came up: ``window`` does not apply.
    """
    now = as_utc(now)
    if not (job.enabled and facts.enabled):
        return Decision((), facts.next_fire)
    if facts.paused_reason is not None:
        return Decision(
            (Fire(now, "skip", ReasonCode.PAUSED, f"the job is paused: {facts.paused_reason}"),),
            facts.next_fire,
        )
    if facts.restored is not None:
        return Decision(
            (Fire(now, "skip", ReasonCode.RESTORED, facts.restored.doubt("whether it fired")),),
            facts.next_fire,
        )
    start = now + timedelta(seconds=_jitter(job)) if job.jitter_seconds else None
    fire = Fire(now, "fire", not_before=start, serial=_serial(job))
    return Decision(tuple(_against_live([fire], job, facts)), facts.next_fire)


def _jitter(job: Job) -> int:
    return _offset(job.name, "jitter", job.jitter_seconds)


def _offset(name: str, purpose: str, below_seconds: int) -> int:
    """Seconds that hang on the job's name: the same at every fire, different from job to job."""
    return stable_hash(name, purpose) % below_seconds if below_seconds > 0 else 0


def _serial(job: Job) -> bool:
    return job.overlap != "allow"


class _Due:
    """The due slots of a job, divided into those too old, those missed and those on time."""

    def __init__(self, job: Job, first: datetime, now: datetime, fleet_spread_seconds: int) -> None:
        self.job = job
        self.first = first
        self.now = now
        self.jitter = _jitter(job)
        self.spread = _offset(job.name, "fleet", fleet_spread_seconds)
        # A job is late when its start is late, and jitter puts the start off.
        on_time_seconds = GRACE_SECONDS + self.jitter
        window_seconds = max(job.window_seconds, on_time_seconds)
        self.newest = self._last(now) or first
        self.late = self._last(now - timedelta(seconds=on_time_seconds) - _MOMENT)
        self.stale = self._last(now - timedelta(seconds=window_seconds) - _MOMENT)
        self.replays = sorted(islice(self._back_from(self.late, self.stale), self._most_replays()))

    def given_up(self) -> list[Fire]:
        """One row for all slots that are too old, or that ``catchup`` does not want."""
        last = self.stale
        why = f"older than the window of {describe_seconds(self.job.window_seconds)}"
        if self.job.catchup == "skip" and self.late is not None and self.late != self.stale:
            last, why = self.late, "catchup=skip"
        elif self.replays and len(self.replays) == MAX_REPLAYS:
            before = self._last(self.replays[0] - _MOMENT)
            if before != self.stale:
                last, why = before, f"catchup=all replays the newest {MAX_REPLAYS}"
        if last is None:
            return []
        row = self._standing_for(Fire(last, "skip", ReasonCode.MISFIRE), None)
        many = (
            f"{_count(row.missed + 1)} slots were missed, the last one"
            if row.missed
            else "the slot was missed"
        )
        return [replace(row, detail=f"{many} {self._age(last)} ago; {why}")]

    def fires(self) -> list[Fire]:
        """The slots that are made up for, then the one that is on time, oldest first."""
        if self.job.catchup == "all":
            rows = [self._late_fire(slot, index) for index, slot in enumerate(self.replays)]
            return rows + ([self._on_time(self.late)] if self.newest != self.late else [])
        floor = self.late if self.job.catchup == "skip" else self.stale
        if self.newest == floor:
            return []
        if self.newest != self.late:
            return [self._on_time(floor)]
        row = self._standing_for(self._late_fire(self.newest, 0), floor)
        more = f", and also covers {_count(row.missed)} earlier slots" if row.missed else ""
        return [replace(row, detail=row.detail + more)]

    def paused(self, reason: str) -> Fire:
        """One row for all that came due while the job is paused; it is never made up for."""
        row = self._standing_for(Fire(self.newest, "skip", ReasonCode.PAUSED), None)
        return replace(row, detail=f"the job is paused: {reason}")

    def doubtful(self, restored: Restored) -> Fire:
        """One row for all that may have fired after the backup was taken: nothing is fired twice."""
        row = self._standing_for(Fire(self.newest, "skip", ReasonCode.RESTORED), None)
        return replace(row, detail=restored.doubt("whether it fired"))

    def _on_time(self, floor: datetime | None) -> Fire:
        """Slots closer together than the grace make one fire: the newest speaks for them."""
        start = self.newest + timedelta(seconds=self.jitter) if self.jitter else None
        row = self._standing_for(Fire(self.newest, "fire", not_before=start, serial=_serial(self.job)), floor)
        more = f"also covers {_count(row.missed)} earlier slots" if row.missed else ""
        return replace(row, detail=more)

    def _late_fire(self, slot: datetime, index: int) -> Fire:
        wait_seconds = self.jitter + self.spread + index * self.job.jitter_seconds
        return Fire(
            slot,
            "fire",
            detail=f"planned for {to_iso(slot)}, {self._age(slot)} late",
            not_before=self.now + timedelta(seconds=wait_seconds) if wait_seconds else None,
            serial=_serial(self.job),
        )

    def _standing_for(self, row: Fire, floor: datetime | None) -> Fire:
        """The row with the number of slots before its own and after ``floor`` (or since the first one)."""
        earlier = self._back_from(self._last(row.fire_time - _MOMENT), floor)
        last = next(earlier, None)
        missed = 0 if last is None else 1 + sum(1 for _ in islice(earlier, MAX_COUNTED - 1))
        return replace(row, missed=missed, last_missed=last)

    def _back_from(self, newest: datetime | None, floor: datetime | None) -> Iterator[datetime]:
        """Due slots from ``newest`` back to the first one, but not down to ``floor``."""
        slot = newest
        while slot is not None and (floor is None or slot > floor):
            yield slot
            slot = self._last(slot - _MOMENT)

    def _last(self, until: datetime) -> datetime | None:
        """The newest due slot at or before an instant."""
        slot = self.job.trigger.before(until)
        if slot is not None and slot >= self.first:
            return slot
        # The stored slot counts even if it is none of the trigger's (the rules of a zone changed meanwhile).
        return self.first if self.first <= until else None

    def _most_replays(self) -> int:
        return MAX_REPLAYS if self.job.catchup == "all" else 0

    def _age(self, slot: datetime) -> str:
        return describe_seconds((self.now - slot).total_seconds())


def _against_live(fires: list[Fire], job: Job, facts: FireFacts) -> list[Fire]:
    """The same fires where runs of the job are still live, by the job's ``overlap``."""
    live = facts.live_runs
    if not live or job.overlap == "allow":
        return fires
    if job.overlap == "replace":
        return [replace(fire, replaces=live if index == 0 else ()) for index, fire in enumerate(fires)]
    if job.overlap == "skip":
        return [_overlapped(fire, _busy(facts)) for fire in fires]
    room = max(0, MAX_WAITING - len(live))
    full = f"{len(live)} runs of the job are not over, and at most {MAX_WAITING} may wait"
    return fires[:room] + [_overlapped(fire, full) for fire in fires[room:]]


def _overlapped(fire: Fire, why: str) -> Fire:
    return replace(fire, action="skip", reason=ReasonCode.OVERLAP, detail=why, not_before=None)


def _busy(facts: FireFacts) -> str:
    """Name the run in the way; a parked one first, because only a person can move it."""
    if facts.parked:
        return f"run {facts.parked[0]} is parked and waits for a person"
    return f"run {facts.live_runs[0]} is not over"


def _count(number: int) -> str:
    return f"{MAX_COUNTED} or more" if number >= MAX_COUNTED else str(number)
