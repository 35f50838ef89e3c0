"""The store's contract: who works on a run, and when: claims, leases, rescues, wake-ups, persons."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scheduler.core.checkpoint import Notice, Step
from scheduler.core.firing import Fire
from scheduler.core.job import Overlap
from scheduler.core.run import Move, State
from scheduler.core.standing import RunnerInfo
from scheduler.core.wakeup import WakeUp, Waking, Woken
from scheduler.errors import LostLeaseError, NotFoundError, RefusedError
from scheduler.ports.store import Rescued
from tests.contract.store_kit import NOON, Bench, at, make_job, parked, sent, sleep

ALL_BUT_ALLOW: tuple[Overlap, ...] = ("skip", "queue", "replace")


async def wake(bench: Bench, seconds: float) -> list[str]:
    return await bench.store.wake_due(at(seconds), 100)


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
    await bench.store.cancel(first.run_id, at(4), "enough")
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
    with bench.reader() as reader:
        assert [request.state for request in reader.requests(again.run_id)] == ["lost"]


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
    assert await rescue(bench, 30) == [Rescued(lease.run_id, "brief", State.QUEUED, "r1")]
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


async def test_a_request_that_was_out_when_its_run_was_buried_is_lost(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, Step(at=at(1), opened=sent()))
    await rescue(bench, 60, most=1)
    assert (await bench.run(lease.run_id)).unknown_cost_requests == 1


async def test_a_run_to_be_cancelled_is_not_begun_again_by_a_rescue(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.cancel(lease.run_id, at(1), "enough")
    [found] = await rescue(bench, 60)
    assert found.state is State.CANCELLED
    assert (await bench.run(lease.run_id)).reason == "enough"


# -- wake-ups ---------------------------------------------------------------------------------------
async def test_a_sleeping_run_is_queued_when_its_time_has_come(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, sleep(10, until=60))
    asleep = await bench.run(lease.run_id)
    assert (asleep.state, asleep.wake_at, asleep.waiting_for) == (State.SLEEPING, at(60), "the morning")
    assert await wake(bench, 59) == []
    assert await bench.claim(59) == []
    assert await wake(bench, 61) == [lease.run_id]
    run = await bench.run(lease.run_id)
    assert (run.state, run.wake_at, run.waiting_for) == (State.QUEUED, None, "")
    assert await wake(bench, 61) == []


async def test_a_woken_run_knows_why_until_the_agent_was_told(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, sleep(10, until=60))
    await wake(bench, 61)
    [lease] = await bench.claim(62)
    woken = Woken(Waking.TIME, at(61), at(60), at(10))
    assert (await bench.checkpoint(lease)).woken == woken
    await rescue(bench, 100)
    [lease] = await bench.claim(101)
    assert (await bench.checkpoint(lease)).woken == woken
    await bench.store.commit(lease, Step(at=at(102), told=True))
    assert (await bench.checkpoint(lease)).woken is None


async def test_attempts_count_anew_after_a_sleep_and_a_back_off_is_free(bench: Bench) -> None:
    lease = await bench.running()
    await rescue(bench, 60)
    [lease] = await bench.claim(61)
    assert (await bench.run(lease.run_id)).attempts == 2
    await bench.store.commit(lease, sleep(62, until=70))
    await wake(bench, 70)
    [lease] = await bench.claim(71)
    assert (await bench.run(lease.run_id)).attempts == 1
    retry = WakeUp(Waking.RETRY, at(80))
    await bench.end(lease, Move.BACK_OFF, 72, wakeups=(retry,), reason="overloaded")
    await wake(bench, 80)
    [lease] = await bench.claim(81)
    assert (await bench.run(lease.run_id)).attempts == 1


async def test_a_claim_after_a_crash_uses_an_attempt_even_behind_a_sleep(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, sleep(1, until=10))
    await wake(bench, 10)
    await bench.claim(11)
    await rescue(bench, 60)
    await bench.claim(61)
    assert (await bench.run(lease.run_id)).attempts == 2


async def test_an_attempt_that_was_handed_back_is_free(bench: Bench) -> None:
    lease = await bench.running()
    await bench.end(lease, Move.RELEASE, 1, keep_attempt=False)
    await bench.claim(2)
    assert (await bench.run(lease.run_id)).attempts == 1


async def test_the_first_wake_up_wins_and_drops_the_others(bench: Bench) -> None:
    lease = await bench.running()
    probe, deadline = WakeUp(Waking.PROBE, at(60)), WakeUp(Waking.DEADLINE, at(90))
    await bench.store.commit(lease, parked(1, deadline, probe))
    assert (await bench.run(lease.run_id)).wake_at == at(60)
    # After a long downtime both are due; the earlier one decides.
    assert await wake(bench, 5000) == [lease.run_id]
    assert (await bench.run(lease.run_id)).state is State.QUEUED
    with bench.reader() as reader:
        assert reader.wakeups(lease.run_id) == []


@pytest.mark.parametrize("kind", [Waking.PROBE, Waking.DAY])
async def test_at_one_instant_a_deadline_comes_last(bench: Bench, kind: Waking) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, parked(1, WakeUp(Waking.DEADLINE, at(60)), WakeUp(kind, at(60))))
    await wake(bench, 60)
    assert (await bench.run(lease.run_id)).state is State.QUEUED


async def test_a_deadline_fails_a_parked_run(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, parked(1, WakeUp(Waking.DEADLINE, at(60))))
    assert await wake(bench, 60) == [lease.run_id]
    run = await bench.run(lease.run_id)
    assert (run.state, run.reason_code, run.ended_at) == (State.FAILED, "deadline", at(60))
    assert "the key is refused" in run.reason


async def test_a_wake_that_the_agent_never_heard_of_is_not_forgotten(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, sleep(10, until=60))
    await wake(bench, 60)
    [lease] = await bench.claim(61)
    await bench.end(lease, Move.BACK_OFF, 62, wakeups=(WakeUp(Waking.RETRY, at(90)),))
    await wake(bench, 90)
    [lease] = await bench.claim(91)
    assert (await bench.checkpoint(lease)).woken == Woken(Waking.TIME, at(90), at(60), at(10))


async def test_no_more_wake_ups_than_the_limit_are_looked_at(bench: Bench) -> None:
    for number in range(3):
        await bench.store.commit(await bench.running(make_job(f"j{number}")), sleep(1, until=10))
    assert len(await bench.store.wake_due(at(10), 2)) == 2
    assert len(await bench.store.wake_due(at(10), 2)) == 1


# -- what a person may do -----------------------------------------------------------------------------
RESTING: list[tuple[Move, dict[str, Any]]] = [
    (Move.SUSPEND, {"wakeups": (WakeUp(Waking.TIME, at(900)),)}),
    (Move.PARK, {"wakeups": (WakeUp(Waking.DEADLINE, at(900)),)}),
    (Move.BACK_OFF, {"wakeups": (WakeUp(Waking.RETRY, at(900)),)}),
]


@pytest.mark.parametrize("move, more", RESTING)
async def test_a_person_wakes_a_resting_run(bench: Bench, move: Move, more: dict[str, Any]) -> None:
    lease = await bench.running()
    await bench.end(lease, move, 1, **more)
    had = (await bench.run(lease.run_id)).state
    assert await bench.store.resume(lease.run_id, at(5), "go on") is had
    [lease] = await bench.claim(6)
    assert (await bench.checkpoint(lease)).woken == Woken(Waking.PERSON, at(5), at(900), at(1), "go on")
    assert await wake(bench, 900) == []


@pytest.mark.parametrize("move", [Move.FAIL, Move.CANCEL])
async def test_a_person_goes_on_with_a_run_that_ended_badly(bench: Bench, move: Move) -> None:
    lease = await bench.running()
    await bench.end(lease, move, 1, reason="it broke", outcome="failed", summary="no")
    await bench.store.resume(lease.run_id, at(5), "try again")
    run = await bench.run(lease.run_id)
    assert (run.state, run.ended_at, run.outcome, run.reason, run.attempts) == (
        *(State.QUEUED, None, None, "", 0),
    )
    [lease] = await bench.claim(6)
    woken = (await bench.checkpoint(lease)).woken
    assert woken is not None
    assert (woken.kind, woken.text) == (Waking.PERSON, "try again")


async def test_a_run_that_was_cancelled_while_running_can_go_on(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.cancel(lease.run_id, at(1), "enough")
    await bench.end(lease, Move.CANCEL, 2)
    await bench.store.resume(lease.run_id, at(5), "")
    assert not (await bench.run(lease.run_id)).cancel_requested


@pytest.mark.parametrize("move", [None, Move.RELEASE, Move.FINISH, Move.QUIET])
async def test_other_runs_cannot_be_resumed(bench: Bench, move: Move | None) -> None:
    lease = await bench.running()
    if move:
        await bench.end(lease, move, 1)
    with pytest.raises(RefusedError):
        await bench.store.resume(lease.run_id, at(2), "")


async def test_cancelling_a_queued_run_ends_it_at_once(bench: Bench) -> None:
    run = await bench.queue()
    assert await bench.store.cancel(run.id, at(1), "enough") is State.CANCELLED
    ended = await bench.run(run.id)
    assert (ended.state, ended.reason, ended.ended_at) == (State.CANCELLED, "enough", at(1))
    assert await bench.claim(2) == []


@pytest.mark.parametrize("move, more", RESTING)
async def test_cancelling_a_resting_run_ends_it_at_once(
    bench: Bench, move: Move, more: dict[str, Any]
) -> None:
    lease = await bench.running()
    await bench.end(lease, move, 1, **more)
    assert await bench.store.cancel(lease.run_id, at(2), "enough") is State.CANCELLED
    assert await wake(bench, 900) == []


async def test_cancelling_a_running_run_is_a_flag(bench: Bench) -> None:
    lease = await bench.running()
    assert await bench.store.cancel_asked([lease.run_id]) == set()
    assert await bench.store.cancel(lease.run_id, at(1), "enough") is State.RUNNING
    assert await bench.store.cancel_asked([lease.run_id]) == {lease.run_id}


@pytest.mark.parametrize("move, more", RESTING)
async def test_a_flag_that_the_last_step_did_not_see_still_ends_the_run(
    bench: Bench, move: Move, more: dict[str, Any]
) -> None:
    lease = await bench.running()
    await bench.store.cancel(lease.run_id, at(1), "enough")
    await bench.end(lease, move, 2, **more)
    assert (await bench.run(lease.run_id)).state is State.CANCELLED
    assert await wake(bench, 900) == []


async def test_a_final_run_cannot_be_cancelled(bench: Bench) -> None:
    lease = await bench.running()
    await bench.end(lease, Move.FINISH, 1)
    with pytest.raises(RefusedError, match="over already"):
        await bench.store.cancel(lease.run_id, at(2), "enough")


async def test_an_unknown_run_is_an_error(bench: Bench) -> None:
    assert await bench.store.run("nobody") is None
    with pytest.raises(NotFoundError):
        await bench.store.cancel("nobody", NOON, "why")
    with pytest.raises(NotFoundError):
        await bench.store.resume("nobody", NOON, "")
    with pytest.raises(NotFoundError):
        await bench.store.raise_budget("nobody", 1)


@pytest.mark.parametrize("code, day_usd", [("budget", 5.0), ("budget-day", 5.9)])
async def test_a_person_raises_the_budget_of_one_run(bench: Bench, code: str, day_usd: float) -> None:
    lease = await bench.running()
    await bench.end(lease, Move.PARK, 1, reason_code=code)
    await bench.store.raise_budget(lease.run_id, 900_000)
    await bench.store.resume(lease.run_id, at(2), "")
    [lease] = await bench.claim(3)
    budget = (await bench.checkpoint(lease)).job.budget
    assert (budget.run_usd, budget.day_usd, budget.default) == (0.9, day_usd, False)


# -- what is due next ---------------------------------------------------------------------------------
async def test_nothing_is_due_in_an_empty_store(bench: Bench) -> None:
    assert await bench.store.next_due() is None
    assert await bench.store.unsettled() == 0


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
    assert await bench.store.unsettled() == 1


async def test_a_run_that_waits_for_another_one_is_not_due(bench: Bench) -> None:
    lease = await bench.running()
    await bench.queue(seconds=1)
    assert await bench.store.next_due() == lease.expires_at
    assert await bench.store.unsettled() == 2


# -- the outbox and the processes -----------------------------------------------------------------------
async def noticed(bench: Bench) -> str:
    lease = await bench.running()
    await bench.end(lease, Move.FINISH, 1, notices=(Notice("report", "mail", "All is well."),))
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
    await other.fire_by(make_job(), "person", NOON)
    assert await bench.store.changes() != before


async def test_an_old_lease_is_worth_nothing(bench: Bench) -> None:
    lease = await bench.running()
    await rescue(bench, 60)
    with pytest.raises(LostLeaseError):
        await bench.checkpoint(lease)
