"""Room in a budget: what is spent and what is out, asked in the transaction that opens a request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.changes.limits import DayAffords
from scheduler.core.job.job import Budget
from scheduler.core.run.budget import DayCap
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import Move
from scheduler.core.run.step import Step
from scheduler.errors import OverBudgetError
from scheduler.testing.conformance.store.bench import NOON, Bench, answered, at, make_job, orders, sent

PLENTY = 10**12


def cap(microusd: int = PLENTY, tokens: int | None = None) -> DayCap:
    """A cap on a day that began at noon."""
    return DayCap(microusd, NOON, tokens)


async def ask(bench: Bench, lease: Lease, seconds: float, given: DayCap, number: int = 1) -> None:
    """Open a request that may have a thousand tokens."""
    opened = replace(sent(number, when=at(seconds)), reserved_microusd=5, tokens=1_000)
    await bench.store.commit(lease, Step(at=at(seconds), opened=opened, guards=(DayAffords(given),)))


async def test_tokens_that_are_out_count_until_the_answer_gives_their_number(bench: Bench) -> None:
    job = make_job(overlap="allow")
    first, second = await bench.running(job), await bench.running(job)
    await ask(bench, first, 1, cap(tokens=900))
    with pytest.raises(OverBudgetError) as caught:
        await ask(bench, second, 2, cap(tokens=900))
    error = caught.value
    assert (error.code, error.unit, error.spent, error.out, error.cap) == (
        "budget-day-tokens", "tokens", 0, 1_000, 900,
    )  # fmt: skip
    assert (await bench.checkpoint(second, 2)).requests == 0, "what has no room is not opened"

    await bench.store.commit(first, Step(at=at(3), closed=answered(when=at(1))))
    await ask(bench, second, 4, cap(tokens=900))
    found = await bench.checkpoint(first, 5)
    assert (found.run.tokens, found.spent_day_tokens) == (37, 37)


async def test_other_jobs_and_other_days_do_not_count(bench: Bench) -> None:
    await ask(bench, await bench.running(make_job("other")), 1, cap())
    lease = await bench.running()
    await ask(bench, lease, 1, cap())
    await bench.store.commit(lease, Step(at=at(2), closed=answered(when=at(1))))
    await ask(bench, lease, 10, DayCap(PLENTY, at(9), 1), number=2)


async def test_a_lost_request_keeps_counting_at_its_most(bench: Bench) -> None:
    lease = await bench.running()
    await ask(bench, lease, 1, cap())
    await bench.store.rescue(at(60), ["r1"], 5)
    assert (await bench.run(lease.run_id)).tokens == 1_000
    again = await bench.running(seconds=61)
    with pytest.raises(OverBudgetError) as caught:
        await ask(bench, again, 62, cap(tokens=1_000))
    assert (caught.value.spent, caught.value.out) == (1_000, 0)


async def test_a_failed_request_counts_nothing(bench: Bench) -> None:
    lease = await bench.running()
    await ask(bench, lease, 1, cap())
    failed = replace(sent(), state="failed", ended_at=at(2))
    await bench.store.commit(lease, Step(at=at(2), closed=failed))
    await ask(bench, lease, 3, cap(tokens=1), number=2)
    assert (await bench.checkpoint(lease, 4)).run.tokens == 0


async def test_free_tokens_are_tokens(bench: Bench) -> None:
    lease = await bench.running()
    await ask(bench, lease, 1, cap())
    await bench.store.commit(lease, Step(at=at(2), closed=answered(cost=0, when=at(1))))
    assert (await bench.checkpoint(lease, 3)).spent_day_tokens == 37


async def test_all_jobs_together_have_room_for_so_many_tokens(bench: Bench) -> None:
    jobs = make_job("one"), make_job("two")
    await bench.store.load_orders(replace(orders(*jobs), fleet_tokens=1_000), NOON)
    first, second = await bench.running(jobs[0]), await bench.running(jobs[1])
    await ask(bench, first, 1, cap())
    with pytest.raises(OverBudgetError) as caught:
        await ask(bench, second, 2, cap())
    assert (caught.value.code, caught.value.unit) == ("budget-fleet-tokens", "tokens")

    # Another line in the crontab lifts it; one that cannot be read does not.
    await bench.store.load_orders(replace(orders(*jobs), fleet_usd=None), NOON)
    with pytest.raises(OverBudgetError):
        await ask(bench, second, 3, cap())
    await bench.store.load_orders(orders(*jobs), NOON)
    await ask(bench, second, 4, cap())


@pytest.mark.parametrize(
    ("code", "day_tokens"), [("budget-tokens", 9_000), ("budget-day-tokens", 9_963), ("budget-day", 9_963)]
)
async def test_a_person_gives_a_run_more_tokens(bench: Bench, code: str, day_tokens: int) -> None:
    lease = await bench.running(make_job(budget=Budget(run_tokens=10, day_tokens=9_000)))
    await ask(bench, lease, 1, cap())
    await bench.store.commit(
        lease, Step(at=at(2), closed=answered(when=at(1)), move=Move.PARK, reason_code=code)
    )
    await bench.store.raise_budget(lease.run_id, at(3), {"run_tokens": 1_000}, actor=PERSON)
    await bench.store.resume(lease.run_id, at(3), "", actor=PERSON)
    [lease] = await bench.claim(4)
    assert (await bench.checkpoint(lease, 4)).job.budget == Budget(
        default=False, run_tokens=1_000, day_tokens=day_tokens
    )
