"""Requests on account: reserved before they are sent, and closed when they are answered or have failed.

Whoever sends a request for a run goes through here: our own loop, and a gateway for agents that bring theirs.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from scheduler.core.changes.limits import DayAffords
from scheduler.core.job.job import Job
from scheduler.core.run import reasons, turn
from scheduler.core.run.budget import DayCap, assumed_microusd, day_start
from scheduler.core.run.conversation import Request, Usage
from scheduler.core.run.step import Step
from scheduler.core.run.turn import Fail, Limits, Park
from scheduler.engine.attempt import rests
from scheduler.engine.attempt.failures import Doing, verdict_of
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.services import Services
from scheduler.errors import OverBudgetError
from scheduler.ports.model import Reply


async def open_request(
    services: Services, writer: RunWriter, model: str, worst: Usage, covers: int | None = None
) -> Request:
    """Record a request that is about to be sent, and reserve the most that it may cost.

    Raises:
        OverBudgetError: the day has no room for it; it was not opened.
    """
    checkpoint, now = writer.checkpoint, services.clock.now()
    opened = Request(
        number=checkpoint.requests + 1,
        attempt=checkpoint.run.epoch,
        model=model,
        started_at=now,
        covers=covers,
        reserved_microusd=price_of(services, model, worst, None)[0],
        tokens=worst.tokens,
    )
    await writer.commit(Step(at=now, opened=opened, guards=(day_affords(checkpoint.job, now),)))
    return opened


def day_affords(job: Job, now: datetime) -> DayAffords:
    """Return the guard that the day of a job, and that of all jobs, has room for a request."""
    budget = job.budget
    return DayAffords(DayCap(round(budget.day_usd * 1_000_000), day_start(now, job.tz), budget.day_tokens))


async def close_failed(
    services: Services, writer: RunWriter, opened: Request, error: str, request_id: str | None = None
) -> None:
    """Record that a request has failed, or was never sent: it costs nothing."""
    now = services.clock.now()
    failed = replace(opened, state="failed", ended_at=now, request_id=request_id, error=error, tokens=0)
    await writer.commit(Step(at=now, closed=failed))


def answered(opened: Request, reply: Reply, now: datetime) -> Request:
    """Return a request as it is closed by an answer; it is written together with what the answer says."""
    return replace(
        opened,
        state="answered",
        ended_at=now,
        request_id=reply.request_id,
        stop_reason=reply.stop_reason,
        usage=reply.usage,
        # Without a price a budget would hold nothing: then it caps tokens.
        cost_microusd=assumed_microusd(reply.usage) if reply.cost_microusd is None else reply.cost_microusd,
        cost_assumed=reply.cost_microusd is None,
        tokens=reply.usage.tokens,
    )


def price_of(services: Services, model: str, usage: Usage, cost_microusd: int | None) -> tuple[int, bool]:
    """Return what tokens of a model cost in millionths of a dollar, and whether that is assumed."""
    price = services.price(model, usage) if cost_microusd is None else cost_microusd
    return (assumed_microusd(usage), True) if price is None else (price, False)


async def rest_when_spent(services: Services, writer: RunWriter, limits: Limits) -> None:
    """Let a run rest, or fail, that has used up one of its limits, or whose day others have spent."""
    over = turn.over(writer.checkpoint, limits)
    if isinstance(over, Park) and reasons.find(over.code).is_daily:
        # What was spent "today" was counted at the claim, and midnight may have passed since.
        await writer.look_again(services.clock.now())
        over = turn.over(writer.checkpoint, limits)
    if over is None:
        now = services.clock.now()
        try:
            await writer.commit(Step(at=now, guards=(day_affords(writer.checkpoint.job, now),)))
        except OverBudgetError as error:
            spent = verdict_of(error, writer.checkpoint, services.settings, Doing.REQUEST)
            over = spent if isinstance(spent, Park) else None  # requests that are out hold nobody else up
    if isinstance(over, Fail):
        await rests.fail(services, writer, over.code, over.reason)
    elif over is not None:
        await rests.park(services, writer, over)
