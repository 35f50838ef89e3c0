"""The store's contract: loading a crontab, and firing its jobs."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from functools import partial

import pytest

from scheduler.core.actor import DAEMON, PERSON
from scheduler.core.job.firing import Decision, Fire, FireFacts
from scheduler.core.job.job import Job
from scheduler.core.job.standing import BrokenJob, Standing
from scheduler.core.run.cause import BY_SCHEDULE, REBOOT, Cause
from scheduler.core.run.conversation import Request
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.core.time.trigger import At, CronTrigger, Manual
from scheduler.errors import NotFoundError, RefusedError
from scheduler.testing.conformance.store.bench import (
    NOON,
    Bench,
    answered,
    at,
    make_job,
    message,
    sent,
    sleep,
)

HOUR = timedelta(hours=1)


async def standing(bench: Bench, name: str = "brief") -> Standing:
    return next(one for one in await bench.store.standings() if one.name == name)


# -- loading ----------------------------------------------------------------------------------------
async def test_a_new_job_gets_its_first_slot_after_the_load(bench: Bench) -> None:
    report = await bench.load(make_job())
    assert report.added == ("brief",)
    assert await bench.store.standings() == [
        Standing("brief", "0 * * * *", "UTC", "active", NOON, NOON + HOUR)
    ]


async def test_loading_the_same_again_changes_nothing(bench: Bench) -> None:
    await bench.load(make_job())
    before = await standing(bench)
    report = await bench.load(make_job(line=7), now=at(1800))
    assert (report.added, report.changed, report.removed) == ((), (), ())
    assert await standing(bench) == before


async def test_a_changed_trigger_gives_a_new_slot(bench: Bench) -> None:
    await bench.load(make_job())
    report = await bench.load(make_job(trigger=CronTrigger("30 * * * *", name="brief")), now=at(60))
    assert report.changed == ("brief",)
    assert (await standing(bench)).next_fire == at(1800)


async def test_a_changed_prompt_leaves_the_slot(bench: Bench) -> None:
    await bench.load(make_job())
    report = await bench.load(Job("brief", make_job().trigger, "Something else."), now=at(4000))
    assert report.changed == ("brief",)
    assert (await standing(bench)).next_fire == NOON + HOUR


async def test_a_vanished_job_is_removed_and_its_live_runs_are_named(bench: Bench) -> None:
    await bench.load(make_job())
    run = await bench.queue()
    report = await bench.load(now=at(5))
    assert report.removed == ("brief",)
    assert report.orphans == (("brief", (run.id,)),)
    assert await bench.store.standings() == []
    assert [lease.run_id for lease in await bench.claim(6)] == [run.id]


async def test_a_removed_job_that_comes_back_starts_as_a_new_one(bench: Bench) -> None:
    await bench.load(make_job())
    await bench.store.pause("brief", "by a person", NOON, actor=PERSON)
    await bench.load(now=at(5))
    report = await bench.load(make_job(), now=at(3605))
    assert report.added == ("brief",)
    assert await standing(bench) == Standing("brief", "0 * * * *", "UTC", "active", at(3605), NOON + 2 * HOUR)


async def test_a_job_that_breaks_is_invalid_keeps_its_past_and_fires_nothing(bench: Bench) -> None:
    await bench.load(make_job())
    report = await bench.load(now=at(5), broken=(BrokenJob("brief", "minute 61 is out of range"),))
    assert report.changed == ("brief",)
    assert report.removed == ()
    broken = await standing(bench)
    assert (broken.state, broken.problem) == ("invalid", "minute 61 is out of range")
    assert broken.first_loaded_at == NOON
    assert await bench.store.due_jobs(at(4000)) == []
    assert await bench.fire(make_job(), at(4000)) == []


async def test_a_job_that_is_fixed_gets_a_slot_that_is_ahead(bench: Bench) -> None:
    await bench.load(make_job())
    await bench.load(now=at(5), broken=(BrokenJob("brief", "broken"),))
    await bench.load(make_job(), now=at(7205))
    mended = await standing(bench)
    assert (mended.state, mended.problem, mended.next_fire) == ("active", "", at(3 * 3600))


async def test_a_paused_job_that_breaks_and_is_fixed_is_still_paused(bench: Bench) -> None:
    await bench.load(make_job())
    await bench.store.pause("brief", "by a person", NOON, actor=PERSON)
    await bench.load(broken=(BrokenJob("brief", "broken"),))
    await bench.load(make_job())
    assert (await standing(bench)).state == "paused"


async def test_a_job_that_never_was_right_is_listed_with_its_problem(bench: Bench) -> None:
    await bench.load(broken=(BrokenJob("typo", "hour 25 is out of range"), BrokenJob("", "no name")))
    assert await bench.store.standings() == [
        Standing("typo", "", "UTC", "invalid", NOON, problem="hour 25 is out of range")
    ]


async def test_a_job_that_its_crontab_switches_off_reads_as_paused(bench: Bench) -> None:
    await bench.load(make_job(enabled=False))
    off = await standing(bench)
    assert (off.state, off.paused_reason) == ("paused", "enabled=no in the crontab")


async def test_what_was_loaded_is_remembered(bench: Bench) -> None:
    await bench.load(make_job())
    meta = dict(await bench.store.meta())
    assert json.loads(meta.pop("problems")) == ["one", "two"]
    loaded = {"file": "/etc/crontab", "digest": "d1", "loaded_at": "2026-11-22T12:00:00Z"}
    assert meta == {**loaded, "keep": "0"}


# -- pausing ----------------------------------------------------------------------------------------
async def test_pausing_twice_says_so(bench: Bench) -> None:
    await bench.load(make_job())
    assert await bench.store.pause("brief", "by a person", at(1), actor=PERSON)
    assert not await bench.store.pause("brief", "by somebody else", at(2), actor=PERSON)
    paused = await standing(bench)
    assert (paused.state, paused.paused_reason, paused.paused_at) == ("paused", "by a person", at(1))


async def test_unpausing_makes_up_for_nothing(bench: Bench) -> None:
    await bench.load(make_job())
    await bench.store.pause("brief", "by a person", at(1), actor=PERSON)
    assert await bench.store.unpause("brief", at(8000), at(3 * 3600), actor=PERSON)
    assert not await bench.store.unpause("brief", at(8001), at(3 * 3600), actor=PERSON)
    assert await bench.store.due_jobs(at(8000)) == []
    assert (await standing(bench)).next_fire == at(3 * 3600)


async def test_pausing_an_unknown_job_is_an_error(bench: Bench) -> None:
    with pytest.raises(NotFoundError):
        await bench.store.pause("nobody", "why", NOON, actor=PERSON)
    with pytest.raises(NotFoundError):
        await bench.store.unpause("nobody", NOON, None, actor=PERSON)


async def test_pausing_an_invalid_job_is_refused(bench: Bench) -> None:
    await bench.load(broken=(BrokenJob("brief", "broken"),))
    with pytest.raises(RefusedError, match="invalid"):
        await bench.store.pause("brief", "why", NOON, actor=PERSON)


# -- firing -----------------------------------------------------------------------------------------
async def test_a_due_job_fires_and_moves_on_to_its_next_slot(bench: Bench) -> None:
    await bench.load(make_job())
    assert await bench.store.due_jobs(at(3599)) == []
    assert await bench.store.due_jobs(at(3600)) == ["brief"]
    [run] = await bench.fire(make_job(), at(3601))
    assert (run.state, run.cause, run.fire_time, run.created_at) == (
        *(State.QUEUED, BY_SCHEDULE, at(3600), at(3601)),
    )
    assert await bench.run(run.id) == run
    assert await bench.store.due_jobs(at(3601)) == []


async def test_a_skipped_slot_is_a_row_with_its_reason(bench: Bench) -> None:
    await bench.load(make_job())
    await bench.store.pause("brief", "by a person", at(1), actor=PERSON)
    [run] = await bench.fire(make_job(), at(3601))
    assert (run.state, run.reason_code, run.ended_at) == (State.SKIPPED, "paused", at(3601))
    assert "by a person" in run.reason
    assert await bench.run(run.id) == run


async def test_the_decision_sees_the_facts_of_its_own_transaction(bench: Bench) -> None:
    await bench.load(make_job())
    sleeping = await bench.running()
    await bench.store.commit(sleeping, sleep(1, until=9000))
    resting = await bench.running(seconds=2)
    await bench.store.commit(resting, Step(at=at(3), move=Move.PARK))
    seen: list[FireFacts] = []

    def look(facts: FireFacts) -> Decision:
        seen.append(facts)
        return Decision((), facts.next_fire)

    await bench.store.fire(make_job(), look, at(3600))
    assert seen == [FireFacts(at(3600), (sleeping.run_id, resting.run_id), (resting.run_id,))]


async def test_one_slot_is_one_row_however_often_it_is_fired(bench: Bench) -> None:
    await bench.load(make_job())
    slot = Fire(at(3600), "fire")
    assert len(await bench.fire_as(make_job(), slot, next_fire=at(7200))) == 1
    assert await bench.fire_as(make_job(), slot, next_fire=at(7200)) == []


async def test_two_stores_that_fire_one_slot_at_once_make_one_row(bench: Bench) -> None:
    await bench.load(make_job())
    other = await bench.open_more("b")
    slot = Fire(at(3600), "fire")
    made = await asyncio.gather(
        *(
            store.fire(make_job(), lambda _: Decision((slot,), at(7200)), at(3600))
            for store in (bench.store, other) * 10
        )
    )
    assert sum(map(len, made)) == 1


async def test_a_run_remembers_what_it_stands_for(bench: Bench) -> None:
    await bench.load(make_job())
    late = Fire(at(7200), "fire", detail="2 h late", missed=2, last_missed=at(3600), not_before=at(9000))
    [run] = await bench.fire_as(make_job(), late, next_fire=None)
    assert await bench.run(run.id) == run
    assert (run.missed, run.last_missed, run.not_before, run.reason) == (2, at(3600), at(9000), "2 h late")


async def test_a_fire_that_replaces_cancels_what_rests_and_flags_what_runs(bench: Bench) -> None:
    job = make_job(overlap="replace")
    await bench.load(job)
    resting = await bench.running(job)
    await bench.store.commit(resting, sleep(1, until=9000))
    running = await bench.running(job, seconds=2)
    new = Fire(at(3600), "fire", replaces=(resting.run_id, running.run_id))
    await bench.fire_as(job, new, next_fire=at(7200), now=at(3600))
    cancelled = await bench.run(resting.run_id)
    assert (cancelled.state, cancelled.ended_at, cancelled.wake_at) == (State.CANCELLED, at(3600), None)
    assert (await bench.run(running.run_id)).cancel_requested
    assert await bench.store.cancel_asked([running.run_id, resting.run_id]) == {running.run_id}


async def test_a_key_fires_once(bench: Bench) -> None:
    job, boot = make_job(trigger=Manual()), Cause(REBOOT, "boot-1")
    first = await bench.store.fire_by(job, at(1), boot, actor=DAEMON)
    assert first is not None
    assert first.cause == boot
    assert await bench.store.fire_by(job, at(2), boot, actor=DAEMON) is None
    assert await bench.store.fire_by(job, at(3), Cause(REBOOT, "boot-2"), actor=DAEMON) is not None
    assert await bench.store.fire_by(job, at(3), Cause("shot", "boot-1"), actor=DAEMON) is not None
    assert await bench.store.fire_by(make_job("other"), at(4), boot, actor=DAEMON) is not None


async def test_a_key_of_a_decided_fire_is_used_once(bench: Bench) -> None:
    job = make_job(trigger=Manual())
    await bench.load(job)
    made = [
        await bench.store.fire(job, partial(_at_once, at(seconds)), at(seconds), Cause(REBOOT, "boot"))
        for seconds in (1, 2)
    ]
    assert list(map(len, made)) == [1, 0]


def _at_once(now: datetime, _: FireFacts) -> Decision:
    return Decision((Fire(now, "fire"),), None)


async def test_a_person_may_fire_twice_at_one_instant(bench: Bench) -> None:
    assert (await bench.queue()).id != (await bench.queue()).id


async def test_firing_by_hand_leaves_the_cadence_alone(bench: Bench) -> None:
    await bench.load(make_job())
    await bench.queue(seconds=100)
    assert (await standing(bench)).next_fire == at(3600)


async def test_a_run_keeps_the_job_it_was_fired_with(bench: Bench) -> None:
    job = make_job(prompt_file="/x.md", tools=("shell",), env=(("A", "1"),), report="mail")
    lease = await bench.running(job)
    await bench.load(make_job(model="another"))
    assert (await bench.checkpoint(lease)).job == job


async def test_colliding_run_ids_are_minted_again(bench: Bench) -> None:
    again = await bench.open_more("a")  # counts from a001 again
    first = await bench.queue()
    second = await again.fire_by(make_job(), NOON, actor=PERSON)
    assert second is not None
    assert second.id != first.id


# -- what the end of a run means for its job ----------------------------------------------------------
async def fail(bench: Bench, job: Job, seconds: float) -> None:
    await bench.end(await bench.running(job, seconds), Move.FAIL, seconds, reason="it broke")


async def test_failures_in_a_row_are_counted_and_a_success_ends_the_row(bench: Bench) -> None:
    job = make_job()
    await bench.load(job)
    await fail(bench, job, 1)
    await fail(bench, job, 2)
    assert (await standing(bench)).failures == 2
    await bench.end(await bench.running(job, 3), Move.FINISH, 3)
    assert (await standing(bench)).failures == 0


async def test_a_job_that_fails_too_often_is_paused_in_the_same_transaction(bench: Bench) -> None:
    job = make_job(pause_after=2)
    await bench.load(job)
    await fail(bench, job, 1)
    assert (await standing(bench)).state == "active"
    await fail(bench, job, 2)
    paused = await standing(bench)
    assert (paused.state, paused.paused_reason, paused.paused_at) == ("paused", "2 failures in a row", at(2))
    await bench.store.unpause("brief", at(3), at(3600), actor=PERSON)
    assert (await standing(bench)).failures == 0


ONCE = Job("once", At(at(60)), "Only once.")


async def once_running(bench: Bench) -> str:
    await bench.load(ONCE)
    [run] = await bench.fire(ONCE, at(60))
    return run.id


async def test_a_one_shot_that_succeeded_is_done(bench: Bench) -> None:
    await once_running(bench)
    assert (await standing(bench, "once")).state == "active"
    [lease] = await bench.claim(61)
    await bench.end(lease, Move.FINISH, 62)
    assert (await standing(bench, "once")).state == "done"
    assert (await bench.load(ONCE, now=at(100))).changed == ()
    assert (await standing(bench, "once")).state == "done"


async def test_a_one_shot_that_failed_before_any_answer_is_not_used_up(bench: Bench) -> None:
    run_id = await once_running(bench)
    [lease] = await bench.claim(61)
    await bench.store.commit(lease, Step(at=at(62), opened=sent()))
    failed = Request(1, 1, "claude-x", NOON, "failed", at(63), error="401")
    await bench.store.commit(lease, Step(at=at(63), closed=failed, move=Move.FAIL))
    assert (await standing(bench, "once")).state == "active"
    await bench.store.resume(run_id, at(70), "", actor=PERSON)
    [lease] = await bench.claim(71)
    await bench.end(lease, Move.FINISH, 72)
    assert (await standing(bench, "once")).state == "done"


async def test_a_one_shot_that_failed_at_work_is_done(bench: Bench) -> None:
    await once_running(bench)
    [lease] = await bench.claim(61)
    await bench.store.commit(lease, Step(at=at(61), messages=(message(1, "go"),), opened=sent()))
    await bench.store.commit(lease, Step(at=at(62), closed=answered(), move=Move.FAIL))
    assert (await standing(bench, "once")).state == "done"


async def test_a_one_shot_run_by_hand_before_its_time_still_has_its_slot(bench: Bench) -> None:
    await bench.load(ONCE)
    await bench.end(await bench.running(ONCE), Move.FINISH)
    assert (await standing(bench, "once")).state == "active"
    assert await bench.store.due_jobs(at(60)) == ["once"]


async def test_a_one_shot_that_was_moved_has_a_slot_again(bench: Bench) -> None:
    await once_running(bench)
    [lease] = await bench.claim(61)
    await bench.end(lease, Move.FINISH, 62)
    moved = Job("once", At(at(600)), "Only once.")
    await bench.load(moved, now=at(70))
    assert (await standing(bench, "once")).state == "active"
    await bench.end(await bench.running(moved, 80), Move.FINISH, 81)
    assert (await standing(bench, "once")).state == "active"
    [run] = await bench.fire(moved, at(600))
    [lease] = await bench.claim(601)
    await bench.end(lease, Move.FAIL, 602, reason="no key")
    # The run of the first slot says nothing about the second one, which did nothing.
    assert (await standing(bench, "once")).state == "active"
    assert (await bench.run(run.id)).state is State.FAILED
