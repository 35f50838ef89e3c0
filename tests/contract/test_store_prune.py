"""Retention: what a job keeps no longer goes with all its rows, and what is still needed stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.changes.notify import Notify
from scheduler.core.changes.question import PutQuestion
from scheduler.core.changes.transcript import KeepTranscript
from scheduler.core.job.firing import decide_at_once
from scheduler.core.job.job import Job
from scheduler.core.job.standing import BrokenJob, RunnerInfo, StandingOrders
from scheduler.core.run.cause import REBOOT, Cause
from scheduler.core.run.notice import Notice
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.core.time.clocks import Jump
from scheduler.core.time.trigger import At, CronTrigger, Manual, Reboot
from scheduler.core.trust.approval import Approval
from scheduler.ports.store.upkeep import Pruned
from scheduler.testing.conformance.store.bench import (
    NOON,
    Bench,
    answer,
    answered,
    at,
    call,
    done,
    make_job,
    message,
    sent,
    sleep,
)

pytestmark = pytest.mark.anyio

DAY = 86_400
KEPT = make_job("kept", Manual(), keep_seconds=10 * DAY)


async def ended(bench: Bench, days: float, job: Job = KEPT, **more: Any) -> str:
    """Let a run begin and end so many days after noon; return its id."""
    lease = await bench.running(job, days * DAY)
    await bench.end(lease, Move.FINISH, days * DAY, **more)
    return lease.run_id


async def everything(bench: Bench, days: float) -> str:
    """A run with rows in every table."""
    lease = await bench.running(KEPT, days * DAY)
    now = at(days * DAY)
    commit = bench.store.commit
    await commit(lease, Step(at=now, messages=(message(1, "x"),), opened=sent(when=now)))
    step = Step(at=now, messages=(answer(2, "t1"),), planned=(call("t1", 2),), closed=answered(when=now))
    await commit(lease, step)
    asked = Approval(
        *(f"a{days}", lease.run_id, "t1", KEPT.name, "post", {}, "0", "no-grant", "why", "asked"),
        now,
        at(days * DAY + 9),
    )
    await commit(lease, Step(at=now, started=("t1",), changes=(PutQuestion(asked),)))
    kept = KeepTranscript(1, b"{}", sha256(b"{}").hexdigest())
    await commit(lease, Step(at=now, results=(done("t1"),), changes=(kept,)))
    await commit(lease, sleep(days * DAY, until=days * DAY + 1))
    await bench.store.wake_due(at(days * DAY + 1), 9)
    [lease] = await bench.claim(days * DAY + 2)
    told = Notify(Notice("report", "mail", "done"))
    await bench.end(lease, Move.FINISH, days * DAY + 3, changes=(told,))
    [pending] = await bench.store.take_notices("r1", at(days * DAY + 4), 9)
    await bench.store.settle_notice(pending.id, at(days * DAY + 5), "", None)
    return lease.run_id


async def left(bench: Bench) -> set[str]:
    with bench.history() as reader:
        return {run.id for run in reader.runs(limit=1000)}


async def test_an_old_run_goes_with_all_its_rows(bench: Bench) -> None:
    await bench.load(KEPT)
    old, last = await everything(bench, 0), await ended(bench, 1)
    with bench.history() as history:
        assert len(history.messages(old)) == 2
    now = at(30 * DAY)
    expected = await bench.store.prunable(now)
    gone = await bench.store.prune(now)
    assert gone == expected
    assert gone.runs == 1
    assert gone.bytes > 500
    with bench.history() as history:
        found = (history.messages(old), history.calls(old), history.requests(old), history.attempts(old))
    assert found == ([], [], [], [])
    assert await left(bench) == {last}, "the last run of a job stays, however old it is"
    assert await bench.store.prune(now) == Pruned()


async def test_what_is_young_enough_stays(bench: Bench) -> None:
    await bench.load(KEPT)
    runs = [await ended(bench, day) for day in range(5)]
    assert (await bench.store.prune(at(12 * DAY))).runs == 2
    assert await left(bench) == set(runs[2:])


async def test_without_a_word_runs_are_kept_forever(bench: Bench) -> None:
    job = make_job("plain", Manual())
    await bench.load(job)
    runs = [await ended(bench, day, job) for day in range(2)]
    assert await bench.store.prune(at(3650 * DAY)) == Pruned()
    assert (await bench.store.prune(at(3650 * DAY), older_than_seconds=DAY)).runs == 1
    assert await left(bench) == {runs[1]}


async def test_a_job_goes_by_its_own_word_first(bench: Bench) -> None:
    await bench.load(KEPT)
    runs = {await ended(bench, day) for day in range(2)}
    assert await bench.store.prune(at(9 * DAY), older_than_seconds=DAY) == Pruned()
    assert await left(bench) == runs


@pytest.mark.parametrize("rest", ["queued", "running", "sleeping", "parked"])
async def test_a_live_run_stays(bench: Bench, rest: str) -> None:
    await bench.load(KEPT)
    if rest == "queued":
        run_id = (await bench.queue(KEPT)).id
    else:
        lease = await bench.running(KEPT)
        run_id = lease.run_id
        if rest == "sleeping":
            await bench.store.commit(lease, sleep(1, until=90 * DAY))
        if rest == "parked":
            await bench.end(lease, Move.PARK, 1, wakeups=(WakeUp(Waking.DEADLINE, due=at(90 * DAY)),))
    assert await bench.store.prune(at(60 * DAY)) == Pruned()
    assert run_id in await left(bench)


async def test_a_run_whose_report_waits_stays(bench: Bench) -> None:
    await bench.load(KEPT)
    waits = await ended(bench, 0, changes=(Notify(Notice("report", "mail", "done")),))
    await ended(bench, 1)
    assert await bench.store.prune(at(60 * DAY)) == Pruned()
    assert waits in await left(bench)


async def test_todays_spending_stays_on_a_day_of_25_hours(bench: Bench) -> None:
    job = make_job("berlin", Manual(), tz="Europe/Berlin", keep_seconds=DAY)
    await bench.load(job)
    morning = datetime(2026, 10, 24, 22, 10, tzinfo=UTC)  # ten past midnight, and the clocks go back
    seconds = (morning - NOON).total_seconds()
    lease = await bench.running(job, seconds)
    spent = Step(at=morning, opened=sent(when=morning - timedelta(seconds=1)))
    await bench.store.commit(lease, spent)
    closed = answered(when=morning - timedelta(seconds=1))
    await bench.store.commit(lease, Step(at=morning, closed=closed, move=Move.FINISH))
    await ended(bench, seconds / DAY + 0.5, job)
    evening = datetime(2026, 10, 25, 22, 30, tzinfo=UTC)
    assert evening - morning > timedelta(days=1)
    assert await bench.store.prune(evening) == Pruned()
    with bench.history() as reader:
        assert reader.spent_today("berlin", evening, "Europe/Berlin")[0] == 250
    assert (await bench.store.prune(evening + timedelta(hours=1))).runs == 1


async def test_a_one_shot_that_comes_back_to_the_crontab_does_not_fire_again(bench: Bench) -> None:
    launch = make_job("launch", At(at(1)), keep_seconds=DAY, window_seconds=300 * DAY)
    await bench.load(launch)
    [run] = await bench.fire(launch, at(2))
    [lease] = await bench.claim(3)
    await bench.end(lease, Move.FINISH, 4)
    await ended(bench, 1, launch)
    assert await bench.store.prune(at(100 * DAY)) == Pruned()
    await bench.load(now=at(101 * DAY))
    await bench.load(launch, now=at(102 * DAY))
    assert await bench.fire(launch, at(102 * DAY)) == []
    assert run.id in await left(bench)


async def test_a_slot_within_the_window_is_remembered_beyond_keep(bench: Bench) -> None:
    daily = make_job(
        "daily", CronTrigger("0 12 * * *", name="daily"), keep_seconds=DAY, window_seconds=9 * DAY
    )
    await bench.load(daily)
    for day in range(1, 20):
        for lease in [*await _fired(bench, daily, day)]:
            await bench.end(lease, Move.FINISH, day * DAY + 1)
    assert (await bench.store.prune(at(20 * DAY))).runs == 10
    with bench.history() as reader:
        assert min(run.fire_time for run in reader.runs(limit=100)) == at(11 * DAY)


async def _fired(bench: Bench, job: Job, day: int) -> Any:
    await bench.fire(job, at(day * DAY))
    return await bench.claim(day * DAY)


async def test_the_boot_of_a_reboot_job_is_remembered(bench: Bench) -> None:
    job = make_job("start", Reboot(), keep_seconds=DAY)
    await bench.load(job)

    async def boot(day: int) -> int:
        now = at(day * DAY)
        return len(
            await bench.store.fire(
                job, lambda facts: decide_at_once(job, now, facts), now, Cause(REBOOT, "this boot")
            )
        )

    assert await boot(0) == 1
    [lease] = await bench.claim(1)
    await bench.end(lease, Move.FINISH, 2)
    await ended(bench, 1, job)
    assert await bench.store.prune(at(60 * DAY)) == Pruned()
    assert await boot(61) == 0


async def test_jobs_that_left_the_crontab_go_by_what_they_said_last_or_by_its_default(bench: Bench) -> None:
    plain = make_job("plain", Manual())
    await bench.load(KEPT, plain)
    for day in range(2):
        await ended(bench, day)
        await ended(bench, day, plain)
    await bench.store.load_orders(StandingOrders((), keep_seconds=20 * DAY), at(3 * DAY))
    assert (await bench.store.prune(at(12 * DAY))).runs == 1
    assert (await bench.store.prune(at(22 * DAY))).runs == 1


async def test_a_broken_line_keeps_everything(bench: Bench) -> None:
    await bench.load(KEPT)
    for day in range(2):
        await ended(bench, day)
    await bench.load(broken=(BrokenJob("kept", "KEEP on line 1 cannot be read"),), now=at(3 * DAY))
    assert await bench.store.prune(at(60 * DAY), older_than_seconds=DAY) == Pruned()


async def test_a_unit_is_small(bench: Bench) -> None:
    await bench.load(KEPT)
    for day in range(8):
        await ended(bench, day / 10)
    now = at(60 * DAY)
    assert (await bench.store.prunable(now)).runs == 7
    gone = await bench.store.prune(now, limit=3)
    assert (gone.runs, gone.next_job) == (3, "kept")
    gone = await bench.store.prune(now, limit=5, start=gone.next_job)
    assert (gone.runs, gone.next_job) == (4, "")


async def test_a_clock_that_was_just_set_forward_deletes_nothing(bench: Bench) -> None:
    await bench.load(KEPT)
    for day in range(2):
        await ended(bench, day)
    now = at(400 * DAY)
    await bench.store.record_jump(Jump("set_forward", at(2 * DAY), now, 398 * DAY), {})
    assert await bench.store.prune(now) == await bench.store.prunable(now) == Pruned()
    assert (await bench.store.prune(at(403 * DAY))).runs == 1


async def test_a_run_that_a_person_has_taken_up_again_is_live(bench: Bench) -> None:
    await bench.load(KEPT)
    lease = await bench.running(KEPT)
    await bench.end(lease, Move.FAIL, 1)
    await ended(bench, 1)
    await bench.store.resume(lease.run_id, at(50 * DAY), "", actor=PERSON)
    assert await bench.store.prune(at(60 * DAY)) == Pruned()
    assert (await bench.run(lease.run_id)).state is State.QUEUED


async def test_processes_of_long_ago_are_forgotten(bench: Bench) -> None:
    for name, day in (("old", 0), ("new", 40)):
        await bench.store.enter(RunnerInfo(name, "tick", "host", 1, at(day * DAY), at(day * DAY)))
    assert await bench.store.prune(at(41 * DAY)) == Pruned(rows=1)
    assert [info.id for info in await bench.store.runners()] == ["new"]
