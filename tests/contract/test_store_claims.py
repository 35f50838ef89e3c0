"""The store's contract: who works on a run, and when: claims, leases, rescues, wake-ups, persons."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.changes.notify import Notify
from scheduler.core.job.firing import Fire
from scheduler.core.job.job import Overlap
from scheduler.core.job.standing import RunnerInfo
from scheduler.core.run.notice import Notice
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.errors import LostLeaseError
from scheduler.ports.store.queue import Rescued
from scheduler.testing.conformance.store.bench import NOON, Bench, at, make_job, sent, sleep

ALL_BUT_ALLOW: tuple[Overlap, ...] = ("skip", "queue", "replace")


async def wake(bench: Bench, seconds: float) -> list[str]:
    return [woke.run_id for woke in await bench.store.wake_due(at(seconds), 100)]


async def rescue(bench: Bench, seconds: float, *dead: str, most: int = 3) -> list[Rescued]:
    return await bench.store.rescue(at(seconds), dead, most)


# -- claims -----------------------------------------------------------------------------------------
async def test_a_claim_gives_a_lease_with_a_new_epoch_and_uses_an_attempt(bench: Bench) -> None:
    queued = await bench.queue()
    [lease] = await bench.claim(5)
    assert (lease.run_id, lease.job, lease.epoch, lease.runner) == (queued.id, "brief", 1, "r1")
    assert lease.expires_at == at(35)
    run = await bench.run(queued.id)
    assert (run.state, run.epoch, run.attempts, run.started_at) == (State.RUNNING, 1, 1, at(5))


async def test_a_run_is_claimed_once(bench: Bench) -> None:
    await bench.queue()
    other = await bench.open_more("b")
    claims = await asyncio.gather(
        *(store.claim("r", NOON, limit=8, lease_seconds=30) for store in (bench.store, other) * 5)
    )
    assert sum(map(len, claims)) == 1


async def test_no_more_than_the_limit_is_claimed_the_oldest_first(bench: Bench) -> None:
    ids = [(await bench.queue(make_job(f"j{n}"), seconds=9 - n)).id for n in range(5)]
    assert [lease.run_id for lease in await bench.claim(10, limit=2)] == [ids[4], ids[3]]
    assert await bench.claim(10, limit=0) == []


async def test_a_run_is_held_back_until_its_time(bench: Bench) -> None:
    await bench.load(make_job())
    await bench.fire_as(make_job(), Fire(at(0), "fire", not_before=at(90)), next_fire=None)
    assert await bench.claim(89) == []
    assert await bench.store.next_due() == at(90)
    assert len(await bench.claim(90)) == 1


@pytest.mark.parametrize("overlap", ALL_BUT_ALLOW)
async def test_one_run_of_a_job_runs_at_a_time(bench: Bench, overlap: Overlap) -> None:
    job = make_job(overlap=overlap)
    await bench.queue(job)
    await bench.queue(job, seconds=1)
    [first] = await bench.claim(2)
    assert await bench.claim(2) == []
    await bench.end(first, Move.FINISH, 3)
    assert len(await bench.claim(3)) == 1


async def test_runs_that_may_overlap_run_together(bench: Bench) -> None:
    for seconds in range(4):
        await bench.queue(make_job(overlap="allow"), seconds)
    assert len(await bench.claim(5, limit=3)) == 3
    assert len(await bench.claim(5, limit=3)) == 1


async def test_a_run_that_queues_waits_until_the_earlier_one_is_final(bench: Bench) -> None:
    job = make_job(overlap="queue")
    first = await bench.running(job)
    later = await bench.queue(job, seconds=1)
    await bench.store.commit(first, sleep(2, until=60))
    assert await bench.claim(3) == []
    await bench.store.cancel(first.run_id, at(4), "enough", actor=PERSON)
    assert [lease.run_id for lease in await bench.claim(5)] == [later.id]


async def test_a_run_by_hand_does_not_wait_for_a_sleeping_one(bench: Bench) -> None:
    first = await bench.running()
    await bench.store.commit(first, sleep(2, until=60))
    later = await bench.queue(seconds=3)
    assert [lease.run_id for lease in await bench.claim(5)] == [later.id]


async def test_jobs_that_run_less_come_first(bench: Bench) -> None:
    busy, idle = make_job("busy", overlap="allow"), make_job("idle", overlap="allow")
    for seconds in range(3):
        await bench.queue(busy, seconds)
    await bench.claim(4, limit=2)
    await bench.queue(idle, seconds=5)
    assert [lease.job for lease in await bench.claim(6, limit=1)] == ["idle"]
    assert [lease.job for lease in await bench.claim(6, limit=1)] == ["busy"]


async def test_a_flood_of_one_job_leaves_room_for_the_others(bench: Bench) -> None:
    for seconds in range(30):
        await bench.queue(make_job("flood", overlap="allow"), seconds)
    await bench.queue(make_job("quiet"), seconds=40)
    assert {lease.job for lease in await bench.claim(50, limit=4)} == {"flood", "quiet"}


async def test_a_claim_can_be_limited_to_runs(bench: Bench) -> None:
    await bench.queue()
    mine = await bench.queue(seconds=1)
    leases = await bench.store.claim("r1", at(2), limit=8, lease_seconds=30, only=[mine.id])
    assert [lease.run_id for lease in leases] == [mine.id]
    assert await bench.store.claim("r1", at(2), limit=8, lease_seconds=30, only=[]) == []


async def test_requests_an_earlier_runner_left_open_are_lost_and_counted(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, Step(at=at(1), opened=sent()))
    await rescue(bench, 60)
    [again] = await bench.claim(61)
    assert (await bench.run(again.run_id)).unknown_cost_requests == 1
    assert (await bench.checkpoint(again)).requests == 1
    with bench.history() as reader:
        assert [request.state for request in reader.requests(again.run_id)] == ["lost"]


async def crash(bench: Bench, seconds: float, runner: str) -> None:
    """Claim everything, and die with it."""
    await bench.claim(seconds, runner=runner)
    await rescue(bench, seconds, runner, most=5)


async def test_a_runner_works_on_one_run_at_a_time_of_those_whose_runners_died_twice(bench: Bench) -> None:
    ids = [(await bench.queue(make_job(f"j{n}"), seconds=n)).id for n in range(3)]
    await crash(bench, 10, "r1")
    assert len(await bench.claim(20, runner="r2")) == 3, "one crash is nobody's fault"
    await rescue(bench, 20, "r2", most=5)
    fresh = await bench.queue(make_job("fresh"), seconds=30)
    first = await bench.claim(30, runner="r3")
    assert [lease.run_id for lease in first] == [ids[0], fresh.id]
    assert await bench.claim(31, runner="r3") == []
    [second] = await bench.claim(31, runner="r4")
    assert second.run_id == ids[1], "another runner may take another one"
    await bench.end(first[0], Move.FINISH, 32)
    assert [lease.run_id for lease in await bench.claim(33, runner="r3")] == [ids[2]]


async def test_runs_of_one_job_that_may_overlap_are_suspects_too(bench: Bench) -> None:
    for number in range(3):
        await bench.queue(make_job(overlap="allow"), seconds=number)
    await crash(bench, 10, "r1")
    await crash(bench, 20, "r2")
    assert len(await bench.claim(30, runner="r3")) == 1
    assert await bench.claim(31, runner="r3") == []


async def test_a_sleep_clears_a_run_of_suspicion(bench: Bench) -> None:
    for number in range(2):
        await bench.queue(make_job(f"j{number}"), seconds=number)
    for seconds, runner in ((10, "r1"), (20, "r2")):
        await crash(bench, seconds, runner)
    for runner in ("r3", "r4"):
        [lease] = await bench.claim(30, runner=runner)
        await bench.store.commit(lease, sleep(31, until=60))
    await wake(bench, 60)
    assert len(await bench.claim(60, runner="r5")) == 2


# -- leases -----------------------------------------------------------------------------------------
async def test_a_renewed_lease_outlives_its_first_end(bench: Bench) -> None:
    lease = await bench.running()
    assert await bench.store.renew([lease], at(20), 30) == set()
    assert await rescue(bench, 49) == []
    assert len(await rescue(bench, 50)) == 1


async def test_renewing_tells_which_leases_are_lost(bench: Bench) -> None:
    kept, lost = await bench.running(), await bench.running(make_job("other"))
    await rescue(bench, 5, "nobody")
    await bench.end(lost, Move.FINISH, 6)
    assert await bench.store.renew([kept, lost], at(7), 30) == {lost.run_id}


async def test_a_silent_runner_loses_its_runs(bench: Bench) -> None:
    lease = await bench.running()
    assert await rescue(bench, 29) == []
    (taken,) = await rescue(bench, 30)
    assert (taken.run_id, taken.job, taken.state, taken.runner) == (lease.run_id, "brief", State.QUEUED, "r1")
    assert (taken.epoch, taken.claimed_at >= taken.created_at) == (1, True)
    [again] = await bench.claim(31, runner="r2")
    assert again.epoch == lease.epoch + 1
    assert (await bench.run(lease.run_id)).attempts == 2


async def test_a_dead_runner_loses_its_runs_at_once(bench: Bench) -> None:
    lease = await bench.running()
    assert [found.run_id for found in await rescue(bench, 1, "r1", "r7")] == [lease.run_id]


async def test_a_run_that_killed_too_many_runners_is_buried(bench: Bench) -> None:
    await bench.load(make_job())
    await bench.queue()
    for seconds in (0, 100):
        await bench.claim(seconds)
        [found] = await rescue(bench, seconds + 60, most=2)
    assert found.state is State.FAILED
    run = await bench.run(found.run_id)
    assert (run.state, run.ended_at, run.reason_code) == (State.FAILED, at(160), "crashed")
    assert [standing.failures for standing in await bench.store.standings()] == [1]


async def test_a_burial_is_reported_and_a_rescue_is_not(bench: Bench) -> None:
    lease = await bench.running(make_job(report="mail me"))
    await rescue(bench, 60, most=2)
    assert await bench.store.take_notices("r", at(61), 9) == []
    await bench.claim(100)
    await rescue(bench, 160, most=2)
    [pending] = await bench.store.take_notices("r", at(161), 9)
    assert (pending.run_id, pending.notice.target) == (lease.run_id, "mail me")
    assert pending.notice.body == "its runner died 2 times"


async def test_a_request_that_was_out_when_its_run_was_buried_is_lost(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, Step(at=at(1), opened=sent()))
    await rescue(bench, 60, most=1)
    assert (await bench.run(lease.run_id)).unknown_cost_requests == 1


async def test_a_run_to_be_cancelled_is_not_begun_again_by_a_rescue(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.cancel(lease.run_id, at(1), "enough", actor=PERSON)
    [found] = await rescue(bench, 60)
    assert found.state is State.CANCELLED
    assert (await bench.run(lease.run_id)).reason == "enough"


# -- what is due next ---------------------------------------------------------------------------------
async def test_nothing_is_due_in_an_empty_store(bench: Bench) -> None:
    assert await bench.store.next_due() is None


async def test_the_earliest_of_all_instants_is_due_next(bench: Bench) -> None:
    await bench.load(make_job())
    assert await bench.store.next_due() == at(3600)
    lease = await bench.running(make_job("other"))
    assert await bench.store.next_due() == at(30)
    await bench.store.commit(lease, sleep(1, until=20))
    assert await bench.store.next_due() == at(20)


async def test_a_run_that_can_be_claimed_is_due_in_the_past(bench: Bench) -> None:
    await bench.queue(seconds=5)
    due = await bench.store.next_due()
    assert due is not None
    assert due <= at(5)


async def test_a_run_that_waits_for_another_one_is_not_due(bench: Bench) -> None:
    lease = await bench.running()
    await bench.queue(seconds=1)
    assert await bench.store.next_due() == lease.expires_at


# -- the outbox and the processes -----------------------------------------------------------------------
async def noticed(bench: Bench) -> str:
    lease = await bench.running()
    await bench.end(lease, Move.FINISH, 1, changes=(Notify(Notice("report", "mail", "All is well.")),))
    return lease.run_id


async def test_a_notice_is_taken_by_one_process_and_sent_once(bench: Bench) -> None:
    run_id = await noticed(bench)
    assert await bench.store.next_due() == at(1)
    [pending] = await bench.store.take_notices("r1", at(2), 10)
    assert (pending.run_id, pending.job, pending.tries) == (run_id, "brief", 1)
    assert pending.notice == Notice("report", "mail", "All is well.")
    assert await bench.store.take_notices("r2", at(2), 10) == []
    await bench.store.settle_notice(pending.id, at(3), "", None)
    assert await bench.store.take_notices("r2", at(9000), 10) == []
    assert await bench.store.next_due() is None


async def test_a_notice_that_failed_is_tried_again_when_that_is_due(bench: Bench) -> None:
    await noticed(bench)
    [pending] = await bench.store.take_notices("r1", at(2), 10)
    await bench.store.settle_notice(pending.id, at(3), "exit 1", at(60))
    assert await bench.store.take_notices("r1", at(59), 10) == []
    [again] = await bench.store.take_notices("r1", at(60), 10)
    assert (again.id, again.tries) == (pending.id, 2)
    await bench.store.settle_notice(again.id, at(61), "exit 1", None)
    assert await bench.store.take_notices("r1", at(9000), 10) == []


async def test_a_notice_taken_by_a_process_that_died_is_taken_again(bench: Bench) -> None:
    await noticed(bench)
    await bench.store.take_notices("r1", at(2), 10)
    await rescue(bench, 3, "r1")
    assert len(await bench.store.take_notices("r2", at(3), 10)) == 1
    assert len(await bench.store.take_notices("r3", at(9000), 10)) == 1


async def test_a_runner_that_was_found_dead_is_not_there_any_more(bench: Bench) -> None:
    for name in ("a", "b"):
        await bench.store.enter(RunnerInfo(name, "daemon", "host", 42, NOON, NOON))
    await rescue(bench, 60, "a")
    assert [info.id for info in await bench.store.runners()] == ["b"]


async def test_a_runner_is_there_from_entering_to_leaving(bench: Bench) -> None:
    info = RunnerInfo("r1", "daemon", "host", 42, NOON, NOON, "/crontab", "/lock")
    await bench.store.enter(info)
    await bench.store.seen("r1", at(5))
    [known] = await bench.store.runners()
    assert known == RunnerInfo("r1", "daemon", "host", 42, NOON, at(5), "/crontab", "/lock")
    await bench.store.leave("r1", at(9))
    assert await bench.store.runners() == []


async def test_a_write_of_another_process_is_noticed_and_an_own_one_is_not(bench: Bench) -> None:
    before = await bench.store.changes()
    await bench.queue()
    assert await bench.store.changes() == before
    other = await bench.open_more("b")
    await other.fire_by(make_job(), NOON, actor=PERSON)
    assert await bench.store.changes() != before


async def test_an_old_lease_is_worth_nothing(bench: Bench) -> None:
    lease = await bench.running()
    await rescue(bench, 60)
    with pytest.raises(LostLeaseError):
        await bench.checkpoint(lease)
