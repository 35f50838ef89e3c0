"""The store's contract: what a jump of the clock leaves on record, and what it puts right."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from scheduler.core.job.standing import RunnerInfo
from scheduler.core.run.run import Move, State
from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.core.time.clocks import Jump
from scheduler.testing.conformance.store.bench import Bench, at, make_job, orders, sleep

DAY = 86_400.0


def back(seconds: float, now: float) -> Jump:
    return Jump("set_back", at(now + seconds), at(now), seconds)


async def next_fire(bench: Bench, job: str) -> datetime | None:
    [standing] = [each for each in await bench.store.standings() if each.name == job]
    return standing.next_fire


async def test_a_jump_is_written_once_however_many_notice_it(bench: Bench) -> None:
    jump = Jump("suspended", at(0), at(3600), 3600)
    assert await bench.store.record_jump(jump, {})
    assert not await bench.store.record_jump(replace(jump, at=at(3610), seconds=3601), {})
    assert await bench.store.record_jump(replace(jump, at=at(9000)), {})
    assert await bench.store.record_jump(replace(jump, seconds=7200), {})


async def test_after_a_step_back_a_job_waits_for_its_next_slot_by_the_new_time(bench: Bench) -> None:
    job = make_job()
    await bench.store.load_orders(orders(job), at(400 * DAY))
    assert await next_fire(bench, "brief") == at(400 * DAY + 3600)
    await bench.store.record_jump(back(400 * DAY, 60), {"brief": at(3600)})
    assert await next_fire(bench, "brief") == at(3600)


async def test_a_step_back_never_puts_a_slot_off_and_wakes_no_job_that_is_done(bench: Bench) -> None:
    await bench.store.load_orders(orders(make_job(), make_job("other")), at(0))
    await bench.store.record_jump(back(7200, 0), {"brief": at(9000), "other": None, "unknown": at(1)})
    assert await next_fire(bench, "brief") == at(3600)
    assert await next_fire(bench, "other") == at(3600)


async def test_a_step_forward_moves_nothing(bench: Bench) -> None:
    await bench.store.load_orders(orders(make_job()), at(0))
    await bench.store.record_jump(Jump("set_forward", at(0), at(DAY), DAY), {"brief": at(60)})
    assert await next_fire(bench, "brief") == at(3600)


async def test_a_slot_that_has_its_row_is_not_fired_again_after_a_step_back(bench: Bench) -> None:
    job = make_job()
    await bench.store.load_orders(orders(job), at(0))
    assert len(await bench.fire(job, at(3600))) == 1
    await bench.store.record_jump(back(7200, 1800), {"brief": at(3600)})
    assert await bench.fire(job, at(3600)) == []
    assert await next_fire(bench, "brief") == at(7200)


async def test_after_a_step_back_the_schedulers_own_waits_are_as_long_as_before(bench: Bench) -> None:
    retrying = await bench.running(make_job("one"))
    await bench.end(retrying, Move.BACK_OFF, 7200, wakeups=(WakeUp(Waking.RETRY, due=at(7260)),))
    asleep = await bench.running(make_job("two"))
    await bench.store.commit(asleep, sleep(7200, until=9000))
    await bench.store.record_jump(back(7200, 0), {})
    assert (await bench.run(retrying.run_id)).wake_at == at(60)
    assert (await bench.run(asleep.run_id)).wake_at == at(9000), "what an agent asked for is an instant"
    assert [woke.run_id for woke in await bench.store.wake_due(at(61), 9)] == [retrying.run_id]


async def test_leases_prove_nothing_for_a_while_and_a_lock_that_is_free_still_does(bench: Bench) -> None:
    lease = await bench.running()
    other = await bench.running(make_job("other"))
    late = at(400 * DAY)
    assert await bench.store.rescue(late, [], 3, by_lease=False) == []
    rescued = await bench.store.rescue(late, [other.runner], 3, by_lease=False)
    assert {each.run_id for each in rescued} == {lease.run_id, other.run_id}
    assert (await bench.run(lease.run_id)).state is State.QUEUED


async def test_the_newest_instant_is_that_of_the_last_runner_seen_until_the_clock_was_set_back(
    bench: Bench,
) -> None:
    assert await bench.store.newest() is None
    await bench.store.enter(RunnerInfo("r1", "daemon", "here", 1, at(0), at(0)))
    await bench.store.seen("r1", at(90))
    assert await bench.store.newest() == at(90)
    await bench.store.record_jump(back(60, 30), {})
    assert await bench.store.newest() is None, "told once, not at every start"
