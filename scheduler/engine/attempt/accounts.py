"""Account for requests: reserve before they are sent, and close when they are answered or have failed.

All requests for a run use it: those of our own loop, and those of a gateway for agents with their own loop.
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
    """Record a request before it is sent, and reserve the most that it can cost.

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
    """Return the guard that the job's day, and the day of all jobs, have room for a request."""
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
    """Return a request as closed by an answer; it is written together with the answer."""
    return replace(
        opened,
        state="answered",
        ended_at=now,
        request_id=reply.request_id,
        stop_reason=reply.stop_reason,
        usage=reply.usage,
        # Without a price a budget would limit nothing: then it caps tokens.
        cost_microusd=assumed_microusd(reply.usage) if reply.cost_microusd is None else reply.cost_microusd,
        cost_assumed=reply.cost_microusd is None,
        tokens=reply.usage.tokens,
    )


def price_of(services: Services, model: str, usage: Usage, cost_microusd: int | None) -> tuple[int, bool]:
    """Return the cost of tokens of a model in millionths of a dollar, and whether it is assumed."""
    price = services.price(model, usage) if cost_microusd is None else cost_microusd
    return (assumed_microusd(usage), True) if price is None else (price, False)


async def rest_when_spent(services: Services, writer: RunWriter, limits: Limits) -> None:
    """Park or fail a run that has reached one of its limits, or whose day is used up by other runs."""
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
            over = spent if isinstance(spent, Park) else None  # requests in flight do not block it
    if isinstance(over, Fail):
        await rests.fail(services, writer, over.code, over.reason)
    elif over is not None:
        await rests.park(services, writer, over)
