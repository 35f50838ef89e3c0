"""Explain why a job did, did not, or will run at an instant, from the stored rows and the crontab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from scheduler.core.changes.follow_up import is_follow_up
from scheduler.core.job.firing import Fire
from scheduler.core.job.job import Job
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.job.standing import RunnerInfo, Standing
from scheduler.core.run import reasons
from scheduler.core.run.cause import PERSON
from scheduler.core.run.lease import SUSPECT_CRASHES
from scheduler.core.run.run import RESTING, Run, State
from scheduler.core.run.turn import usd
from scheduler.core.time.trigger import CronTrigger, Manual, Reboot
from scheduler.views.absence import Absence, as_sentence
from scheduler.views.clock import Wall, span

Kind = Literal[
    "ran", "live", "skipped", "missed", "overdue", "will_run", "will_not_run",
    "no_slot", "not_loaded", "no_record", "invalid", "paused", "never_ran",
]  # fmt: skip

_MINUTE = timedelta(minutes=1)
_MOMENT = timedelta(microseconds=1)
_LATE = timedelta(seconds=60)
_ENDED = {State.SUCCEEDED: "done"}


@dataclass(frozen=True, slots=True)
class Case:
    """The facts that a verdict is made from.

    Args:
        job: the job's line, or None when it cannot be read.
        absence: when daemons were up around the instant, and how the clock jumped.
        runs: rows of the job around the instant, in the order of their slots.
        live: its runs that are not over.
        orphans: ids of runs whose runner is dead.
        planned: the rows that a daemon would write now for slots that are due.
        known: whether the job was ever loaded into a database.
    """

    standing: Standing
    job: Job | None
    clock: Wall
    absence: Absence
    runs: Sequence[Run] = ()
    live: Sequence[Run] = ()
    orphans: frozenset[str] = frozenset()
    planned: Sequence[Fire] = ()
    daemon: RunnerInfo | None = None
    known: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """A sentence, its consequences, and the row or slot that it is about."""

    kind: Kind
    sentence: str
    more: tuple[str, ...] = ()
    when: datetime | None = None
    slot: datetime | None = None
    run: Run | None = None
    matches: tuple[FieldMatch, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class FieldMatch:
    """One field of a cron expression compared with an instant."""

    name: str
    value: int
    allowed: str
    matched: bool


def judge(case: Case, when: datetime | None) -> Verdict:
    """Return the verdict for an instant, or without one for the last slot or the present state."""
    name = case.standing.name
    verdict = _judge(case, when)
    names_pause = verdict.kind in ("paused", "will_not_run", "invalid") or any(
        "agentcron unpause" in text for text in verdict.more
    )
    if case.standing.state != "paused" or names_pause:
        return verdict
    pause = f"{name} is paused now: {case.standing.paused_reason}."
    return replace(verdict, more=(pause, *verdict.more, _unpause(case)))


def _judge(case: Case, when: datetime | None) -> Verdict:
    name = case.standing.name
    if case.job is None:
        problem = case.standing.problem or "its line cannot be read"
        return Verdict("invalid", f"{name} cannot run: {problem}", ("Fix it: agentcron edit",), when)
    if when is None:
        return _at_present(case, case.job)
    slot = slot_at(case.job, when)
    if slot is None:
        return _no_slot(case, case.job, when)
    if slot > case.clock.now:
        return _future(case, case.job, when, slot)
    return _past(case, case.job, when, slot)


def slot_at(job: Job, when: datetime) -> datetime | None:
    """Return the slot in the minute of an instant: the last one up to it, else the first one, or None."""
    minute = when.replace(second=0, microsecond=0)
    last = job.trigger.before(when)
    if last is not None and last >= minute:
        return last
    slot = job.trigger.next_after(minute - _MOMENT)
    return slot if slot is not None and slot < minute + _MINUTE else None


def ended_as(run: Run) -> str:
    """Return how a run ended, or its state, in one word."""
    return _ENDED.get(run.state, run.state.value)


# -- no instant was given ----------------------------------------------------------------------------
def _at_present(case: Case, job: Job) -> Verdict:
    standing, clock = case.standing, case.clock
    if case.live:
        return _live(case, case.live[-1], None, None)
    if standing.state == "paused":
        since = f" since {clock(standing.paused_at)}" if standing.paused_at else ""
        return Verdict(
            "paused", f"{standing.name} is paused{since}: {standing.paused_reason}.", (_unpause(case),)
        )
    if standing.next_fire is not None and standing.next_fire <= clock.now:
        return _past(case, job, None, standing.next_fire)
    last = job.trigger.before(clock.now)
    if last is not None and (last > standing.first_loaded_at or _row_at(case, last)):
        return _past(case, job, None, last)
    if case.runs:
        return _row(case, case.runs[-1], None, None)
    if isinstance(job.trigger, Manual):
        return Verdict(
            "never_ran", f"{standing.name} has not run yet: it fires only on request.", (_by_hand(case),)
        )
    if isinstance(job.trigger, Reboot):
        return Verdict("never_ran", f"{standing.name} has not run yet: it fires after the next boot.")
    loaded = (
        f"it was loaded at {clock.short(standing.first_loaded_at)}" if case.known else "it was never loaded"
    )
    return Verdict("never_ran", f"{standing.name} has not run yet: {loaded}, and no slot has come since.")


# -- a slot --------------------------------------------------------------------------------------
def _past(case: Case, job: Job, when: datetime | None, slot: datetime) -> Verdict:
    standing, clock = case.standing, case.clock
    row = _row_at(case, slot)
    if row is not None:
        return _row(case, row, when, slot)
    instead = next((run for run in case.runs if _stands_for(run, slot)), None)
    at = _at(case, slot)
    if instead is not None:
        return _missed(case, job, when, slot, instead)
    if slot <= standing.first_loaded_at:
        loaded = f"it was first loaded at {clock.short(standing.first_loaded_at)}"
        why = loaded if case.known else "the crontab was never loaded"
        sentence = f"{standing.name} did not run {at}: {why}."
        return Verdict("not_loaded", sentence, ("Earlier slots are not caught up.",), when, slot)
    due = standing.next_fire
    if standing.state == "active" and due is not None and due <= slot:
        plan = next((row for row in case.planned if row.fire_time >= slot), None)
        if plan is not None and plan.action == "skip":
            down = "" if case.daemon is not None else f": no daemon is running{case.absence.down(slot)}"
            sentence = f"{standing.name} did not run {at}{down}."
            return Verdict(
                "overdue", sentence, (f"It will be skipped: {plan.detail}.", _policy(job)), when, slot
            )
        if case.daemon is not None:
            return Verdict(
                "overdue", f"{standing.name} is due {at}; the daemon fires it now.", (), when, slot
            )
        late = span((clock.now - slot).total_seconds())
        sentence = f"{standing.name} has not run {at}: no daemon is running{case.absence.down(slot)}."
        return Verdict(
            "overdue", sentence, (f"Overdue by {late}.", _policy(job), "Start: agentcron up"), when, slot
        )
    if standing.state == "paused":
        sentence = f"{standing.name} did not run {at}: it is paused: {standing.paused_reason}."
        return Verdict("paused", sentence, (_unpause(case),), when, slot)
    sentence = f"{standing.name} has no record of a slot {at}."
    more = "Its schedule was different then, it was disabled, or the record was deleted."
    return Verdict("no_record", sentence, (more,), when, slot)


def _row_at(case: Case, slot: datetime) -> Run | None:
    return next((run for run in case.runs if run.fire_time == slot and run.cause.kind != PERSON), None)


def _stands_for(run: Run, slot: datetime) -> bool:
    """Whether a later row covers an earlier slot too."""
    return run.fire_time > slot and run.last_missed is not None and run.last_missed >= slot


def _row(case: Case, run: Run, when: datetime | None, slot: datetime | None) -> Verdict:
    name, at = case.standing.name, _at(case, run.fire_time)
    if not run.is_final:
        return _live(case, run, when, slot)
    if run.state is State.SKIPPED:
        more = (
            [_policy(case.job)]
            if case.job and run.reason_code in (ReasonCode.MISFIRE, ReasonCode.OVERLAP)
            else []
        )
        if run.reason_code == ReasonCode.MISFIRE:
            more.insert(0, as_sentence(case.absence.why(run.fire_time)))
        if run.reason_code == ReasonCode.PAUSED:
            more.append(_unpause(case))
        if run.reason_code == ReasonCode.RESTORED:
            more += _restored(case)
        return Verdict("skipped", f"{name} did not run {at}: {run.reason}.", tuple(more), when, slot, run)
    verb = "was started by hand" if run.cause.kind == PERSON else "ran"
    sentence = f"{name} {verb} {at}: run {run.id}, {ended_as(run)}, {usd(run.cost_microusd)}."
    more = (
        [f"{'Reason' if run.state is not State.SUCCEEDED else 'Note'}: {run.reason}."] if run.reason else []
    )
    if run.started_at is not None and run.started_at - run.fire_time > _LATE and run.cause.kind != PERSON:
        late = span((run.started_at - run.fire_time).total_seconds())
        jumped = case.absence.passed_over(run.fire_time)
        why = f": {jumped}" if jumped else case.absence.down(run.fire_time)
        more.append(f"It started {late} late, at {case.clock.short(run.started_at)}{why}.")
    twice = case.absence.came_twice(run.fire_time)
    if twice and run.cause.kind != PERSON:
        more.append(as_sentence(f"{twice}: this time occurred twice, and its slot ran once"))
    if run.missed:
        more.append(f"It also covers {run.missed} earlier slots.")
    more.append(f"See: agentcron show {run.id}")
    return Verdict("ran", sentence, tuple(more), when, slot, run)


def _live(case: Case, run: Run, when: datetime | None, slot: datetime | None) -> Verdict:
    clock, name = case.clock, case.standing.name
    waits = f" until {clock.both(run.wake_at)}" if run.wake_at else ""
    because = run.reason if run.state is State.PARKED else run.waiting_for or run.reason
    state = f"{run.state.value}{waits}" + (f": {because}" if because else "")
    if run.state is State.QUEUED and run.not_before is not None and run.not_before > clock.now:
        state = f"queued, starts {clock.away(run.not_before)} (jitter or catch-up)"
    elif run.state is State.QUEUED and case.daemon is None:
        state = "queued; no daemon is running"
    elif run.state is State.QUEUED and run.attempts >= SUSPECT_CRASHES:
        state = (
            f"queued; its runner died {run.attempts} times, so it does not run together with other such runs"
        )
    elif run.id in case.orphans:
        state = "no longer running: its runner is dead, and a daemon will resume it"
    fired = "was started by hand" if run.cause.kind == PERSON else "fired"
    sentence = f"{name} {fired} {_at(case, run.fire_time)}: run {run.id} is {state}"
    more = [f"See: agentcron show {run.id}"]
    if case.daemon is None and (run.state is State.QUEUED or run.id in case.orphans):
        more.append("Start: agentcron up")
    if run.state in RESTING:
        more.append(f"Continue now: {reasons.of(run).command(run)}")
    return Verdict("live", sentence.rstrip(".") + ".", tuple(more), when, slot, run)


def _missed(case: Case, job: Job, when: datetime | None, slot: datetime, instead: Run) -> Verdict:
    clock, name = case.clock, case.standing.name
    sentence = f"{name} did not run {_at(case, slot)}"
    if instead.reason_code == ReasonCode.PAUSED:
        return Verdict("skipped", f"{sentence}: {instead.reason}.", (_unpause(case),), when, slot, instead)
    if instead.reason_code == ReasonCode.RESTORED:
        told = f"{sentence}: {instead.reason}."
        return Verdict("skipped", told, tuple(_restored(case)), when, slot, instead)
    up = case.absence.was_up(slot)
    why = "slots so close together are one fire" if up else case.absence.why(slot)
    if instead.state is State.SKIPPED:
        after = f"Skipped with later ones: {instead.reason}."
    else:
        started = instead.started_at or instead.created_at
        money = f", {usd(instead.cost_microusd)}" if instead.is_final else ""
        after = (
            f"It {'ran' if instead.started_at else 'fired'} once at {clock.short(started)} instead: "
            f"run {instead.id}, {ended_as(instead)}{money}."
        )
    more = (_policy(job), after, f"See: agentcron show {instead.id}")
    return Verdict("missed", f"{sentence}: {why}.", more, when, slot, instead)


def _future(case: Case, job: Job, when: datetime, slot: datetime) -> Verdict:
    standing, clock = case.standing, case.clock
    at = f"{_at(case, slot)} ({clock.away(slot)})"
    if standing.state == "paused":
        sentence = f"{standing.name} will not run {at}: it is paused: {standing.paused_reason}."
        return Verdict("will_not_run", sentence, (_unpause(case),), when, slot)
    more = []
    if case.live and job.overlap != "allow":
        run = case.live[-1]
        what = {"skip": "the slot is skipped", "queue": "it waits for it", "replace": "it cancels that run"}
        more.append(
            f"If run {run.id} ({run.state}) is not over then, {what[job.overlap]}: overlap={job.overlap}."
        )
    if job.gate:
        more.append("Its gate runs first and may skip the run.")
    if job.jitter_seconds:
        more.append(f"Jitter may delay the start by up to {span(job.jitter_seconds)}.")
    if case.daemon is None:
        more += ["No daemon is running now.", "Start: agentcron up"]
    return Verdict("will_run", f"{standing.name} will run {at}.", tuple(more), when, slot)


def _no_slot(case: Case, job: Job, when: datetime) -> Verdict:
    standing, clock = case.standing, case.clock
    past = when <= clock.now
    by_hand = next((run for run in case.runs if _same_minute(run.fire_time, when)), None)
    if by_hand is not None:
        return _row(case, by_hand, when, None)
    verb = "did not run" if past else "will not run"
    sentence = (
        f"{standing.name} {verb} {_at(case, when)}: its schedule {job.trigger.describe()} has no slot then."
    )
    matches = field_matches(job.trigger, when) if isinstance(job.trigger, CronTrigger) else ()
    more: tuple[str, ...] = ()
    if matches and all(match.matched for match in matches):
        more = ("The fields match, but the clocks change then: agentcron help dst",)
    return Verdict("no_slot", sentence, more, when, None, None, matches)


def field_matches(trigger: CronTrigger, when: datetime) -> tuple[FieldMatch, ...]:
    """Return for each of the five fields the value of the instant and whether the field allows it."""
    from scheduler.core.time.fields import ALIASES, DAY, FIELDS, WEEKDAY
    from scheduler.core.time.instants import zone
    from scheduler.core.time.slots import expand, month_length, rule_day

    wall = when.astimezone(zone(trigger.tz))
    weekday = wall.isoweekday() % 7
    values = (wall.minute, wall.hour, wall.day, wall.month, weekday)
    words = ALIASES.get(trigger.expr.strip().lower(), trigger.expr).split()
    reading = trigger.cron.reading
    length = month_length(wall.year, wall.month)
    first = wall.replace(day=1).isoweekday() % 7
    rules = {DAY: reading.day_rules, WEEKDAY: reading.weekday_rules}
    found = []
    for index, value in enumerate(values):
        allowed = {
            number % 7 if index == WEEKDAY else number for number in expand(index, reading.fields[index])
        }
        by_rule = any(rule_day(rule, length, first) == wall.day for rule in rules.get(index, ()))
        found.append(FieldMatch(FIELDS[index].label, value, words[index], value in allowed or by_rule))
    return tuple(found)


# -- phrases -------------------------------------------------------------------------------------
def _at(case: Case, instant: datetime) -> str:
    return f"at {case.clock.short(instant)} {case.clock.name}"


def _policy(job: Job) -> str:
    overlap = "" if job.overlap == "skip" else f", overlap={job.overlap}"
    return f"Policy: catchup={job.catchup} within {span(job.window_seconds)}{overlap}."


def _unpause(case: Case) -> str:
    if case.standing.paused_reason.startswith("enabled="):
        return "Enable it in the crontab: agentcron edit"
    if is_follow_up(case.standing.name) and "confirm" in case.standing.paused_reason:
        return f"See it, and confirm it or not: agentcron confirm {case.standing.name}"
    return f"Let it fire again: agentcron unpause {case.standing.name}"


def _restored(case: Case) -> list[str]:
    """It is unknown whether this slot ran in the lost time, and only a person can find out."""
    return [
        "The slot was due before the restore; it is not fired again.",
        f"If it did not run then: agentcron run {case.standing.name}",
    ]


def _by_hand(case: Case) -> str:
    return f"Fire it: agentcron run {case.standing.name}"


def _same_minute(one: datetime, other: datetime) -> bool:
    return one.replace(second=0, microsecond=0) == other.replace(second=0, microsecond=0)
