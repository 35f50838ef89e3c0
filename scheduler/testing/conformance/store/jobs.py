"""Checks of the calendar: jobs, their slots, and the runs that they fire."""

from __future__ import annotations

import asyncio

from scheduler.core.actor import DAEMON, PERSON
from scheduler.core.job.firing import Decision, Fire, FireFacts
from scheduler.core.run.cause import REBOOT, Cause
from scheduler.core.run.run import State
from scheduler.core.time.clocks import Jump
from scheduler.core.time.trigger import CronTrigger, Manual
from scheduler.testing.conformance.store.bench import Bench, at, make_job, sleep
from scheduler.testing.conformance.store.checks import StoreChecks, must, on_a_bench, one

HOUR = 3600


class JobChecks(StoreChecks):
    """Jobs and fires."""

    @on_a_bench
    async def test_a_crontab_is_stored_as_it_was_loaded(self, bench: Bench) -> None:
        """New jobs wait for the first slot after the load; those that vanish fire nothing."""
        report = await bench.load(make_job(), make_job("other"))
        must(report.added == ("brief", "other"), f"a first load reports {report.added} as added")
        slots = [standing.next_fire for standing in await bench.store.standings()]
        must(slots == [at(HOUR)] * 2, f"after a load at noon hourly jobs wait for {slots}")
        moved = make_job(trigger=CronTrigger("30 * * * *", name="brief"))
        report = await bench.load(moved, now=at(60))
        must(report.removed == ("other",), f"a job that vanished is not reported: {report}")
        standing = one(await bench.store.standings(), "standing")
        must(standing.next_fire == at(HOUR / 2), f"a changed trigger leaves the slot {standing.next_fire}")
        must(await bench.fire(make_job("other"), at(HOUR)) == [], "a job that was removed fires")

    @on_a_bench
    async def test_a_due_job_fires_and_waits_for_its_next_slot(self, bench: Bench) -> None:
        """Each slot is one row, and the job is not due again before its next slot."""
        await bench.load(make_job())
        must(await bench.store.due_jobs(at(HOUR - 1)) == [], "a job is due before its slot")
        must(await bench.store.due_jobs(at(HOUR)) == ["brief"], "a job is not due at its slot")
        run = one(await bench.fire(make_job(), at(HOUR + 1)), "run")
        must(run.fire_time == at(HOUR) and run.state is State.QUEUED, f"the slot became {run}")
        must(await bench.run(run.id) == run, "the run that was returned is not the one that is stored")
        must(await bench.store.due_jobs(at(HOUR + 2)) == [], "a slot that was fired is due once more")

    @on_a_bench
    async def test_two_processes_fire_a_slot_once(self, bench: Bench) -> None:
        """(job, fire time) is unique among runs that a schedule fired, however many fire it at once."""
        await bench.load(make_job())
        other = await bench.open_more("b")
        slot = Fire(at(HOUR), "fire")
        made = await asyncio.gather(
            *(
                store.fire(make_job(), lambda _: Decision((slot,), at(2 * HOUR)), at(HOUR))
                for store in (bench.store, other) * 8
            )
        )
        must(sum(map(len, made)) == 1, f"one slot became {sum(map(len, made))} runs")

    @on_a_bench
    async def test_a_slot_that_has_its_row_is_not_fired_again_after_the_clock_was_set_back(
        self, bench: Bench
    ) -> None:
        """The stored next slot may be put back; a slot that was fired keeps its one row."""
        await bench.load(make_job())
        await bench.fire(make_job(), at(HOUR))
        await bench.store.record_jump(Jump("set_back", at(HOUR), at(60), HOUR - 60), {"brief": at(HOUR)})
        must(await bench.store.due_jobs(at(HOUR)) == ["brief"], "the job does not wait for the earlier slot")
        must(await bench.fire(make_job(), at(HOUR)) == [], "a slot was fired twice")

    @on_a_bench
    async def test_a_decision_sees_the_facts_of_its_own_transaction(self, bench: Bench) -> None:
        """Live and parked runs and the stored slot are handed to ``decide``."""
        await bench.load(make_job())
        lease = await bench.running()
        await bench.store.commit(lease, sleep(1, until=9 * HOUR))
        seen: list[FireFacts] = []

        def look(facts: FireFacts) -> Decision:
            seen.append(facts)
            return Decision((), facts.next_fire)

        await bench.store.fire(make_job(), look, at(HOUR))
        must(seen == [FireFacts(at(HOUR), (lease.run_id,))], f"the decision was made on {seen}")

    @on_a_bench
    async def test_a_cause_with_a_key_fires_a_job_once(self, bench: Bench) -> None:
        """A second fire by the same key makes nothing, whether it is decided or by hand."""
        job, boot = make_job(trigger=Manual()), Cause(REBOOT, "boot-1")
        await bench.load(job)
        other = await bench.open_more("b")
        made = [
            await store.fire(job, lambda _: Decision((Fire(at(1), "fire"),), None), at(1), boot)
            for store in (bench.store, other)
        ]
        must([len(each) for each in made] == [1, 0], f"one boot made {sum(map(len, made))} runs")
        again = await bench.store.fire_by(job, at(2), boot, actor=DAEMON)
        must(again is None, "a key that was used fires by hand once more")
        later = await bench.store.fire_by(job, at(3), Cause(REBOOT, "boot-2"), actor=DAEMON)
        must(later is not None, "another key fires nothing")

    @on_a_bench
    async def test_a_fire_that_replaces_cancels_what_rests_and_flags_what_runs(self, bench: Bench) -> None:
        """``Fire.replaces`` is part of the same transaction."""
        job = make_job(overlap="allow")
        await bench.load(job)
        resting, running = await bench.running(job), await bench.running(job, 1)
        await bench.store.commit(resting, sleep(2, until=9 * HOUR))
        new = Fire(at(HOUR), "fire", replaces=(resting.run_id, running.run_id))
        await bench.fire_as(job, new, next_fire=None, now=at(HOUR))
        must((await bench.run(resting.run_id)).state is State.CANCELLED, "a resting run was not replaced")
        asked = await bench.store.cancel_asked([resting.run_id, running.run_id])
        must(asked == {running.run_id}, f"those to be cancelled are {asked}")

    @on_a_bench
    async def test_a_paused_job_makes_up_for_nothing(self, bench: Bench) -> None:
        """Pausing twice says so; after that the job waits for the slot that it is given."""
        await bench.load(make_job())
        done = [await bench.store.pause("brief", "holidays", at(1), actor=PERSON) for _ in range(2)]
        must(done == [True, False], f"pausing a job twice answers {done}")
        standing = one(await bench.store.standings(), "standing")
        must(
            (standing.state, standing.paused_reason) == ("paused", "holidays"),
            f"a paused job reads as {standing}",
        )
        await bench.store.unpause("brief", at(5 * HOUR), at(6 * HOUR), actor=PERSON)
        must(await bench.store.due_jobs(at(5 * HOUR)) == [], "what was missed while it was paused is due")
        must(await bench.store.due_jobs(at(6 * HOUR)) == ["brief"], "it is not due at its new slot")
