"""A store that was a backup: what may have happened since is not repeated, and what cannot have goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from scheduler.adapters.sql.backup_mark import MARK, mark_text
from scheduler.core.actor import PERSON
from scheduler.core.changes.notify import Notify
from scheduler.core.changes.question import PutQuestion
from scheduler.core.job.firing import decide_at_once
from scheduler.core.run.cause import REBOOT, Cause
from scheduler.core.run.conversation import CallState
from scheduler.core.run.notice import Notice
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.core.time.trigger import At, Reboot
from scheduler.core.trust.approval import Approval
from scheduler.errors import RefusedError
from scheduler.ports.store.upkeep import Restoration
from scheduler.testing.conformance.store.bench import (
    Bench,
    answer,
    answered,
    at,
    call,
    make_job,
    message,
    sent,
    sleep,
)
from tests.contract.sqlite.rows import change, select

pytestmark = pytest.mark.anyio

HOUR = 3600
BACKUP, RESTORE, GIVEN_UP = at(100), at(2 * HOUR), at(9 * HOUR)


def mark(bench: Bench, taken_at: datetime = BACKUP) -> None:
    """Make the database a copy, as a backup of it would be."""
    change(bench, "INSERT INTO meta (key, value) VALUES (?, ?)", MARK, mark_text(taken_at))


async def restore(bench: Bench, boot: str = "boot") -> Restoration:
    mark(bench)
    done = await bench.store.settle_restore(RESTORE, boot, GIVEN_UP)
    assert done is not None
    return done


async def test_a_database_that_was_no_backup_is_left_alone(bench: Bench) -> None:
    lease = await bench.running()
    assert await bench.store.settle_restore(RESTORE, "boot", GIVEN_UP) is None
    assert (await bench.run(lease.run_id)).state is State.RUNNING


async def test_note_is_taken_once(bench: Bench) -> None:
    await restore(bench)
    other = await bench.open_more("b")
    assert await other.settle_restore(RESTORE, "boot", GIVEN_UP) is None


@pytest.mark.parametrize("state", ["queued", "running", "retrying", "parked", "overslept", "awaits"])
async def test_a_run_that_may_have_acted_waits_for_a_person(bench: Bench, state: str) -> None:
    rests = {
        "retrying": Step(at=at(1), move=Move.BACK_OFF, wakeups=(WakeUp(Waking.RETRY, due=at(90)),)),
        "parked": Step(
            at=at(1), move=Move.PARK, reason="no key", reason_code="key",
            wakeups=(WakeUp(Waking.PROBE, due=at(9 * HOUR)),),
        ),
        "overslept": sleep(1, until=HOUR),
        "awaits": Step(
            at=at(1), move=Move.SUSPEND,
            wakeups=(WakeUp(Waking.TIME, due=at(9 * HOUR)), WakeUp("repo:push", "main")),
        ),
    }  # fmt: skip
    if state == "queued":
        run_id = (await bench.queue()).id
    else:
        lease = await bench.running()
        run_id = lease.run_id
        if state in rests:
            await bench.store.commit(lease, rests[state])
    done = await restore(bench)
    assert done.parked == (run_id,)
    run = await bench.run(run_id)
    assert (run.state, run.reason_code, run.wake_at) == (State.PARKED, "restored", GIVEN_UP)
    assert run.reason.startswith("restored from a backup of 2026-11-22T12:01:40Z; what it did since then is")
    assert ("no key" in run.reason) is (state == "parked")
    assert await bench.store.wake_due(RESTORE, 9) == []
    assert await bench.claim(2 * HOUR) == []


async def test_the_old_owner_of_a_run_cannot_write_any_more(bench: Bench) -> None:
    lease = await bench.running()
    await restore(bench)
    assert await bench.store.renew([lease], RESTORE, 30) == {lease.run_id}


async def test_a_sleep_that_is_not_over_continues(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, sleep(1, until=3 * HOUR))
    done = await restore(bench)
    assert (done.parked, done.asleep) == ((), 1)
    assert (await bench.run(lease.run_id)).state is State.SLEEPING
    assert [roused.run_id for roused in await bench.store.wake_due(at(3 * HOUR), 9)] == [lease.run_id]
    [again] = await bench.claim(3 * HOUR)
    woken = (await bench.checkpoint(again, 3 * HOUR)).woken
    assert woken is not None
    assert (woken.kind, woken.planned, woken.slept_since) == (Waking.TIME, at(3 * HOUR), at(1))
    assert woken.restored_from == BACKUP


async def test_who_is_resumed_hears_of_the_restore_and_of_the_sleep_before_it(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, sleep(1, until=HOUR))
    await restore(bench)
    assert await bench.store.resume(lease.run_id, at(2 * HOUR + 9), "go on", actor=PERSON) is State.PARKED
    [again] = await bench.claim(2 * HOUR + 10)
    woken = (await bench.checkpoint(again)).woken
    assert woken is not None
    assert (woken.kind, woken.payload, woken.restored_from) == (Waking.PERSON, "go on", BACKUP)
    assert (woken.planned, woken.slept_since) == (at(HOUR), at(1))


async def test_calls_that_were_not_begun_yet_are_unknown_too(bench: Bench) -> None:
    # They were begun after the backup, perhaps; a copy cannot know.
    lease = await bench.running()
    opening = message(1, "x")
    asked = answer(2, "t1", "t2")
    plans = (call("t1", 2), call("t2", 2, 1))
    await bench.store.commit(lease, Step(at=at(1), messages=(opening,), opened=sent()))
    await bench.store.commit(lease, Step(at=at(2), messages=(asked,), planned=plans, closed=answered()))
    await bench.store.commit(lease, Step(at=at(3), started=("t1",), opened=sent(2)))
    await restore(bench)
    await bench.store.resume(lease.run_id, at(2 * HOUR + 9), "", actor=PERSON)
    [again] = await bench.claim(2 * HOUR + 10)
    checkpoint = await bench.checkpoint(again)
    assert [found.state for found in checkpoint.calls] == [CallState.UNKNOWN] * 2
    assert "restored from a backup" in str(checkpoint.calls[1].result)
    assert checkpoint.run.unknown_cost_requests == 1


async def test_a_run_that_was_to_be_cancelled_is(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.cancel(lease.run_id, at(2), "cancelled by a person", actor=PERSON)
    assert (await restore(bench)).parked == ()
    run = await bench.run(lease.run_id)
    assert (run.state, run.reason) == (State.CANCELLED, "cancelled by a person")


async def test_slots_that_came_due_are_one_skipped_row(bench: Bench) -> None:
    job, launch = make_job(), make_job("launch", At(at(HOUR)))
    await bench.load(job, launch)
    done = await restore(bench)
    assert done.skipped == 2
    with bench.history() as reader:
        rows = {run.job: run for run in reader.runs()}
    assert {run.state for run in rows.values()} == {State.SKIPPED}
    assert {run.reason_code for run in rows.values()} == {"restored"}
    assert (rows["brief"].fire_time, rows["brief"].missed) == (RESTORE, 1)
    assert rows["launch"].fire_time == at(HOUR)
    standings = {standing.name: standing for standing in await bench.store.standings()}
    assert (standings["brief"].next_fire, standings["launch"].next_fire) == (at(3 * HOUR), None)
    assert standings["launch"].state == "active"


async def test_a_one_shot_that_the_copy_has_never_heard_of_is_not_fired_either(bench: Bench) -> None:
    # Written and fired after the backup: the crontab brings it back, the database knows nothing of it.
    await restore(bench)
    launch = make_job("launch", At(at(HOUR)))
    await bench.load(launch, now=at(2 * HOUR + 1))
    [row] = await bench.fire(launch, at(2 * HOUR + 2))
    assert (row.state, row.reason_code) == (State.SKIPPED, "restored")


async def test_what_comes_due_later_fires_as_ever(bench: Bench) -> None:
    job = make_job()
    await bench.load(job)
    await restore(bench)
    [run] = await bench.fire(job, at(3 * HOUR + 1))
    assert (run.state, run.fire_time, run.missed) == (State.QUEUED, at(3 * HOUR), 0)


@pytest.mark.parametrize("boot, state", [("boot", State.SKIPPED), ("later", State.QUEUED)])
async def test_a_reboot_job_has_fired_in_this_boot_perhaps(bench: Bench, boot: str, state: State) -> None:
    job = make_job("start", Reboot())
    await bench.load(job)
    await restore(bench)
    now = at(2 * HOUR + 1)
    made = await bench.store.fire(
        job, lambda facts: decide_at_once(job, now, facts), now, Cause(REBOOT, boot)
    )
    assert [run.state for run in made] == [state]


async def test_reports_that_may_have_been_sent_are_held(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(
        lease, Step(at=at(1), move=Move.FINISH, changes=(Notify(Notice("report", "mail", "done")),))
    )
    done = await restore(bench)
    assert done.held == (lease.run_id,)
    assert await bench.store.take_notices("r1", RESTORE, 9) == []


async def test_a_report_whose_time_is_still_ahead_is_sent(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(
        lease, Step(at=at(1), move=Move.FINISH, changes=(Notify(Notice("report", "mail", "done")),))
    )
    [pending] = await bench.store.take_notices("r1", at(2), 9)
    await bench.store.settle_notice(pending.id, at(3), "no route", at(3 * HOUR))
    assert (await restore(bench)).held == ()
    assert len(await bench.store.take_notices("r1", at(3 * HOUR), 9)) == 1


async def test_no_backup_brings_consent_back(bench: Bench) -> None:
    """What was approved may have been used since, and what was granted may have been revoked."""
    asks = [
        Approval(name, "", "t1", "job", "post", {}, name, "no-grant", "why", "asked", at(1), at(9 * HOUR))
        for name in ("used", "open")
    ]
    lease = await bench.running()
    asks = [replace(ask, run_id=lease.run_id) for ask in asks]
    await bench.store.commit(
        lease, Step(at=at(1), move=Move.PARK, reason_code="approval", changes=tuple(map(PutQuestion, asks)))
    )
    await bench.store.answer("used", at(2), approve=True, always=True, actor=PERSON)
    await restore(bench)
    assert select(bench, "SELECT state FROM approvals") == [("expired",), ("expired",)]
    assert select(bench, "SELECT id FROM grants WHERE revoked_at IS NULL") == []
    with pytest.raises(RefusedError):
        await bench.store.answer("open", RESTORE, approve=True, actor=PERSON)
