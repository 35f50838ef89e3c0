"""Checks of the queue: claims, leases, rescues and wake-ups."""

from __future__ import annotations

import asyncio

from scheduler.core.job.firing import Fire
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.errors import LostLeaseError
from scheduler.testing.conformance.store.bench import NOON, Bench, at, make_job, parked, sleep
from scheduler.testing.conformance.store.checks import StoreChecks, must, must_raise, on_a_bench, one


class ClaimChecks(StoreChecks):
    """Who works on a run, and when."""

    @on_a_bench
    async def test_a_claim_gives_a_lease_with_a_new_epoch(self, bench: Bench) -> None:
        """It names the run, its job and its runner, lasts as long as was asked, and uses an attempt."""
        queued = await bench.queue()
        lease = one(await bench.claim(5), "lease")
        must((lease.run_id, lease.job, lease.runner) == (queued.id, "brief", "r1"), f"the lease is {lease}")
        must(lease.expires_at == at(35), f"a lease of 30 s from second 5 on ends at {lease.expires_at}")
        run = await bench.run(queued.id)
        must((run.state, run.epoch) == (State.RUNNING, lease.epoch), f"the claimed run is {run}")
        must(run.attempts == 1, f"the first claim has used {run.attempts} attempts")

    @on_a_bench
    async def test_processes_that_claim_at_once_get_different_runs(self, bench: Bench) -> None:
        """No run is given to two, and none is left while there is room."""
        runs = {(await bench.queue(make_job(f"j{number}"))).id for number in range(20)}
        other = await bench.open_more("b")
        claims = await asyncio.gather(
            *(store.claim("r", NOON, limit=4, lease_seconds=30) for store in (bench.store, other) * 5)
        )
        claimed = [lease.run_id for leases in claims for lease in leases]
        must(len(claimed) == len(set(claimed)), f"{len(claimed) - len(set(claimed))} runs were claimed twice")
        must(set(claimed) == runs, f"{len(runs - set(claimed))} runs were left, although there was room")

    @on_a_bench
    async def test_the_oldest_are_claimed_first_and_no_more_than_the_limit(self, bench: Bench) -> None:
        """``only`` limits a claim to some runs."""
        ids = [(await bench.queue(make_job(f"j{number}"), 9 - number)).id for number in range(4)]
        got = [lease.run_id for lease in await bench.claim(10, limit=2)]
        must(got == [ids[3], ids[2]], "the two oldest of four runs were not claimed first")
        lease = one(await bench.store.claim("r1", at(10), limit=8, lease_seconds=30, only=[ids[0]]), "lease")
        must(lease.run_id == ids[0], "a claim that is limited to a run took another one")

    @on_a_bench
    async def test_one_run_of_a_job_runs_at_a_time(self, bench: Bench) -> None:
        """The second is claimed after the first has ended, unless the job's runs may overlap."""
        await bench.queue()
        await bench.queue(seconds=1)
        first = one(await bench.claim(2), "first")
        must(await bench.claim(2) == [], "two runs of a job run at a time")
        await bench.end(first, Move.FINISH, 3)
        must(len(await bench.claim(3)) == 1, "the second run waits although the first is over")
        for seconds in (4, 5):
            await bench.queue(make_job("many", overlap="allow"), seconds)
        must(len(await bench.claim(6)) == 2, "runs that may overlap wait for each other")

    @on_a_bench
    async def test_a_run_is_held_back_until_its_time(self, bench: Bench) -> None:
        """``not_before`` counts for claims, and for what is due next."""
        await bench.load(make_job())
        await bench.fire_as(make_job(), Fire(NOON, "fire", not_before=at(90)), next_fire=None)
        must(await bench.claim(89) == [], "a run was claimed before its time")
        due = await bench.store.next_due()
        must(due == at(90), f"a run that is held back until second 90 is due at {due}")
        must(len(await bench.claim(90)) == 1, "a run was not claimed at its time")

    @on_a_bench
    async def test_a_lease_is_renewed_by_its_holder_alone(self, bench: Bench) -> None:
        """A renewed lease lasts longer; one whose run was taken back is reported as lost."""
        kept, lost = await bench.running(), await bench.running(make_job("other"))
        must(await bench.store.renew([kept, lost], at(20), 30) == set(), "a lease that stands is lost")
        must(await bench.store.rescue(at(40), [], 3) == [], "a renewed lease has run out early")
        await bench.store.renew([kept], at(40), 30)
        rescued = one(await bench.store.rescue(at(60), [], 3), "rescued")
        must(rescued.run_id == lost.run_id, "the run with the renewed lease was taken back")
        gone = await bench.store.renew([kept, lost], at(61), 30)
        must(gone == {lost.run_id}, f"a lost lease is not reported: {gone}")

    @on_a_bench
    async def test_a_lease_that_ran_out_is_taken_over_and_its_holder_writes_nothing(
        self, bench: Bench
    ) -> None:
        """The epoch fences: after a rescue and another claim only the new holder can write."""
        old = await bench.running()
        rescued = one(await bench.store.rescue(at(60), [], 3), "rescued")
        must((rescued.epoch, rescued.state) == (old.epoch, State.QUEUED), f"the rescue reports {rescued}")
        new = one(await bench.claim(61, runner="r2"), "new")
        must(new.epoch > old.epoch, f"the epoch went from {old.epoch} to {new.epoch}")
        before = await bench.run(old.run_id)
        late = Step(at=at(62), move=Move.FINISH)
        await must_raise(LostLeaseError, bench.store.commit(old, late), "an old epoch wrote a step")
        await must_raise(LostLeaseError, bench.checkpoint(old, 62), "an old epoch read a checkpoint")
        must(await bench.run(old.run_id) == before, "a refused step has changed the run")
        await bench.end(new, Move.FINISH, 63)
        must((await bench.run(new.run_id)).state is State.SUCCEEDED, "the new holder cannot end the run")

    @on_a_bench
    async def test_a_dead_runner_loses_its_runs_before_its_leases_run_out(self, bench: Bench) -> None:
        """With ``by_lease=False`` no other runner does, however late it is."""
        mine = await bench.running()
        other = (await bench.queue(make_job("other"))).id
        await bench.store.claim("r2", NOON, limit=8, lease_seconds=30, only=[other])
        rescued = await bench.store.rescue(at(9000), ["r2"], 3, by_lease=False)
        must([each.run_id for each in rescued] == [other], "not the runs of the dead runner were taken back")
        must((await bench.run(mine.run_id)).state is State.RUNNING, "a lease was looked at all the same")

    @on_a_bench
    async def test_a_run_whose_runners_die_too_often_fails(self, bench: Bench) -> None:
        """It is not queued again and again."""
        await bench.running()
        for number in (1, 2):
            await bench.store.rescue(at(100 * number), [], 3)
            await bench.claim(100 * number + 1)
        rescued = one(await bench.store.rescue(at(300), [], 3), "rescued")
        must(rescued.state is State.FAILED, f"after three crashes of three the run is {rescued.state}")
        must(await bench.claim(301) == [], "a run that failed can be claimed")

    @on_a_bench
    async def test_a_sleeper_is_woken_once_when_its_time_has_come(self, bench: Bench) -> None:
        """It is queued by one of the processes that look, and the sleep uses no attempt."""
        lease = await bench.running()
        await bench.store.commit(lease, sleep(1, until=60))
        other = await bench.open_more("b")
        must(await bench.store.next_due() == at(60), "a sleep until second 60 is not due then")
        must(await bench.store.wake_due(at(59), 9) == [], "a sleeper was woken early")
        woken = [*await bench.store.wake_due(at(60), 9), *await other.wake_due(at(60), 9)]
        must([each.run_id for each in woken] == [lease.run_id], f"two looks woke {len(woken)} runs of one")
        lease = one(await bench.claim(61), "lease")
        checkpoint = await bench.checkpoint(lease, 61)
        must(checkpoint.run.attempts == 1, f"with a sleep between, {checkpoint.run.attempts} attempts count")
        why = checkpoint.woken
        must(why is not None and why.kind == Waking.TIME, f"the run is told that it was woken by {why}")

    @on_a_bench
    async def test_a_deadline_ends_a_parked_run(self, bench: Bench) -> None:
        """It fails, with a reason, and is reported as such."""
        lease = await bench.running()
        await bench.store.commit(lease, parked(1, WakeUp(Waking.DEADLINE, due=at(60))))
        roused = one(await bench.store.wake_due(at(60), 9), "roused")
        must(roused.state is State.FAILED and bool(roused.reason), f"a deadline gave {roused}")
        must((await bench.run(lease.run_id)).state is State.FAILED, "the run at its deadline is not failed")
