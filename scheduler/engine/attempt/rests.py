"""Build the steps in which a run starts to wait, with the wake-ups that end it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run import reasons
from scheduler.core.run.budget import FLEET_ZONE, next_local_day
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.reasons import Ends
from scheduler.core.run.retry import BackOff
from scheduler.core.run.run import Move
from scheduler.core.run.step import Step
from scheduler.core.run.turn import Compact, Fail, Park
from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.engine.attempt.decisions import Decisions
from scheduler.engine.attempt.failures import Cancel, Doing, Leave, LookAgain, Release, Verdict, verdict_of
from scheduler.engine.attempt.messages import notify
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.services import Services
from scheduler.engine.settings import Settings
from scheduler.errors import AgentcronError

log = logging.getLogger("agentcron")

_HOUR = timedelta(hours=1)


def parked(checkpoint: Checkpoint, park: Park, now: datetime, settings: Settings) -> Step:
    """Return the step in which a run is parked: the owner is notified, and after some days it fails."""
    wakeups = [WakeUp(Waking.DEADLINE, due=now + timedelta(days=settings.parked_days))]
    waiting_for = "a person"
    match reasons.find(park.code).ends:
        case Ends.JOB_DAY | Ends.FLEET_DAY as day:
            zone = FLEET_ZONE if day is Ends.FLEET_DAY else checkpoint.job.tz
            wakeups.append(WakeUp(Waking.DAY, due=next_local_day(now, zone)))
            waiting_for = "the next day, or a person"
        case Ends.SOON | Ends.SLOW as probe:
            # Checking a file costs nothing; a refused key costs a request each time.
            seconds = settings.soon_seconds if probe is Ends.SOON else settings.probe_seconds
            wakeups.append(WakeUp(Waking.PROBE, due=now + timedelta(seconds=seconds)))
            waiting_for = "the next probe, or a person"
    return Step(
        at=now,
        move=Move.PARK,
        reason=park.reason,
        reason_code=park.code,
        waiting_for=waiting_for,
        wakeups=tuple(wakeups),
        changes=notify(checkpoint, park.reason),
    )


def awaiting(checkpoint: Checkpoint, decisions: Decisions, now: datetime) -> Step:
    """Return the step in which a run waits until its questions are answered, or the first one has expired.

    Halfway to its end it is woken once: it asks the same question again, and the owner is reminded.
    """
    waiting = (*decisions.open_asks, *decisions.asks)
    first = waiting[0]
    more = f", and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    reason = f"{first.tool} needs an approval{more}: {first.reason}"
    soonest = min(waiting, key=lambda each: each.expires_at)
    halfway = soonest.asked_at + (soonest.expires_at - soonest.asked_at) / 2
    due = halfway if now < halfway else soonest.expires_at
    reminder = "" if decisions.asks else "Reminder: "
    return Step(
        at=now,
        move=Move.PARK,
        reason=reason,
        reason_code=ReasonCode.APPROVAL,
        waiting_for=f"an answer: agentcron approve {first.id}",
        wakeups=tuple(WakeUp(Waking.APPROVAL, each.id, due) for each in waiting),
        changes=(
            *decisions.changes(),
            *notify(checkpoint, f"{reminder}{reason}. Answer: agentcron approve {first.id}"),
        ),
    )


def backed_off(reason: str, code: ReasonCode, waiting_for: str, now: datetime, until: datetime) -> Step:
    """Return the step in which a run waits for an instant, without a notice."""
    return Step(
        at=now,
        move=Move.BACK_OFF,
        reason=reason,
        reason_code=code,
        waiting_for=waiting_for,
        wakeups=(WakeUp(Waking.RETRY, due=until),),
    )


async def too_awake(services: Services, checkpoint: Checkpoint) -> Step | None:
    """Return the step in which a run waits whose sleep is over, if its job has been woken too often.

    A run that a person woke continues at once.
    """
    most, woken, now = checkpoint.job.budget.hour_wakes, checkpoint.woken, services.clock.now()
    if most is None or woken is None or not woken.ends_sleep:
        return None
    wakes = await services.store.wakes_since(checkpoint.job.name, now - _HOUR, most + 1)
    if len(wakes) <= most:
        return None
    reason = f"the job was woken more often than {most} an hour"
    return backed_off(reason, ReasonCode.WAKES_HOUR, "the hour to pass", now, wakes[-1] + _HOUR)


async def park(services: Services, writer: RunWriter, park: Park) -> None:
    """Park a run."""
    await writer.commit(parked(writer.checkpoint, park, services.clock.now(), services.settings))


async def fail(services: Services, writer: RunWriter, code: ReasonCode, reason: str) -> None:
    """Fail a run; a person may resume it."""
    now = services.clock.now()
    await writer.commit(
        Step(
            at=now,
            move=Move.FAIL,
            reason=reason,
            reason_code=code,
            outcome="failed",
            closed=writer.lost_request(now),
            changes=notify(writer.checkpoint, reason),
        )
    )


async def wait_for_another(services: Services, writer: RunWriter, decisions: Decisions) -> None:
    """Wait for another day, or for a person's answer, or until the first question has expired."""
    if decisions.over and not (decisions.asks or decisions.open_asks):
        await park(services, writer, Park(ReasonCode.EFFECTS_DAY, decisions.over))
    else:
        await writer.commit(awaiting(writer.checkpoint, decisions, services.clock.now()))


async def settle(services: Services, writer: RunWriter, error: Exception, doing: Doing) -> Compact | None:
    """Write what an error means for the run; return the summary that is needed first, if one is.

    Raises:
        LostLeaseError, StoreError: this very error, if nothing may be written any more.
    """
    verdict = verdict_of(error, writer.checkpoint, services.settings, doing)
    if isinstance(verdict, Leave):
        raise error
    if isinstance(verdict, Compact):
        return verdict
    if verdict is not None:
        await carry_out(services, writer, verdict, error)
    return None


async def carry_out(
    services: Services, writer: RunWriter, verdict: Verdict, error: BaseException | None
) -> None:
    """Write the verdict on an error; an unexpected one is logged with its trace."""
    now = services.clock.now()
    is_ours = isinstance(error, AgentcronError)
    if isinstance(verdict, Park | Fail) and (verdict.code == ReasonCode.INTERNAL or not is_ours):
        log.error("run %s: %s", writer.lease.run_id, verdict.reason, exc_info=None if is_ours else error)
    match verdict:
        case LookAgain():
            await writer.look_again(now)
        case Park():
            await park(services, writer, verdict)
        case BackOff(code, seconds, reason, waiting_for):
            until = now + timedelta(seconds=seconds)
            await writer.commit(backed_off(reason, code, waiting_for, now, until))
        case Fail(code, reason):
            await fail(services, writer, code, reason)
        case Release():
            lost = writer.lost_request(now)
            await writer.commit(Step(at=now, move=Move.RELEASE, keep_attempt=False, closed=lost))
        case Cancel():
            await _cancel(services, writer)
        case Compact():
            raise AssertionError("only the loop that sends requests is told to sum up")


async def _cancel(services: Services, writer: RunWriter) -> None:
    asked = await services.store.run(writer.lease.run_id)
    now = services.clock.now()
    await writer.commit(
        Step(
            at=now,
            move=Move.CANCEL,
            reason=(asked.reason if asked else "") or "cancelled by a person",
            reason_code=ReasonCode.CANCELLED,
            closed=writer.lost_request(now),
        )
    )
