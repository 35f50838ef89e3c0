"""Checks of the whole: what stays on the disk, runners, records, retention, and what readers see."""

from __future__ import annotations

import asyncio

from scheduler.core.actor import PERSON
from scheduler.core.job.standing import RunnerInfo
from scheduler.core.record import Head, flaw
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.core.time.trigger import Manual
from scheduler.errors import StoreError
from scheduler.testing.conformance.store.bench import NOON, Bench, at, make_job, message, sleep
from scheduler.testing.conformance.store.checks import StoreChecks, must, must_raise, on_a_bench

DAY = 86_400


class WholeChecks(StoreChecks):
    """Processes, upkeep, history and records."""

    @on_a_bench
    async def test_what_was_acknowledged_is_there_for_the_next_process(self, bench: Bench) -> None:
        """A closed store refuses work, and one that is opened later finds everything."""
        await bench.load(make_job())
        lease = await bench.running()
        await bench.store.commit(lease, Step(at=at(1), messages=(message(1, "Kept."),)))
        await bench.store.close()
        await must_raise(StoreError, bench.store.run(lease.run_id), "a closed store answers")
        later = await bench.open_more("b")
        found = await later.checkpoint(lease, at(2))
        must(len(found.messages) == 1, "a message that was acknowledged is lost")
        must([each.name for each in await later.standings()] == ["brief"], "a job is lost")

    @on_a_bench
    async def test_a_runner_is_there_from_entering_to_leaving(self, bench: Bench) -> None:
        """And the newest instant is when one was seen last."""
        must(await bench.store.newest() is None, "a new database has seen a runner")
        await bench.store.enter(RunnerInfo("r1", "daemon", "host", 42, NOON, NOON, "/crontab", "/lock"))
        await bench.store.seen("r1", at(5))
        expected = RunnerInfo("r1", "daemon", "host", 42, NOON, at(5), "/crontab", "/lock")
        must(await bench.store.runners() == [expected], f"the runners are {await bench.store.runners()}")
        must(await bench.store.newest() == at(5), f"the newest instant is {await bench.store.newest()}")
        await bench.store.leave("r1", at(9))
        must(await bench.store.runners() == [], "a runner that left is still there")

    @on_a_bench
    async def test_a_write_of_another_process_is_noticed_and_an_own_one_is_not(self, bench: Bench) -> None:
        """By a number that is cheap to read."""
        other = await bench.open_more("b")
        before = await bench.store.changes()
        await bench.queue()
        must(await bench.store.changes() == before, "an own write counts as one of another process")
        await other.fire_by(make_job(), NOON, actor=PERSON)
        must(await bench.store.changes() != before, "a write of another process is not noticed")

    @on_a_bench
    async def test_records_are_one_chain_however_many_write(self, bench: Bench) -> None:
        """Numbers without a gap, each with the hash of the one before it."""
        other = await bench.open_more("b")
        await asyncio.gather(
            *(
                store.fire_by(make_job(f"j{number}"), NOON, actor=PERSON)
                for number, store in enumerate((bench.store, other) * 10)
            )
        )
        before, count = Head(), 0
        with bench.database.records() as records:
            for record in records.after(0):
                wrong = flaw(record, before)
                must(not wrong, f"the chain is broken: {wrong}")
                before, count = record.head, count + 1
            must(count == 20, f"20 runs that were fired left {count} records")
            must(records.newest() == before, f"the head of the chain is {records.newest()}, not {before}")
            must(records.hashes()[before.seq] == before.hash, "the hashes are not those of the records")

    @on_a_bench
    async def test_what_is_undone_leaves_no_record(self, bench: Bench) -> None:
        """A record is part of the transaction of its cause."""
        lease = await bench.running()
        with bench.database.records() as records:
            before = records.newest()
        wrong = bench.store.commit(lease, Step(at=at(1), started=("nobody",), messages=(message(1, "x"),)))
        await must_raise(Exception, wrong, "a step that starts an unknown call was written")
        with bench.database.records() as records:
            must(records.newest() == before, "a step that was not written is on record")

    @on_a_bench
    async def test_old_runs_are_deleted_and_what_is_needed_stays(self, bench: Bench) -> None:
        """Never a live run, and never the last one of a job."""
        job = make_job("kept", Manual(), keep_seconds=10 * DAY)
        await bench.load(job)
        sleeping = await bench.running(job)
        await bench.store.commit(sleeping, sleep(1, until=900 * DAY))
        ended = []
        for day in (1, 2, 3):
            lease = await bench.running(job, day * DAY)
            await bench.store.commit(lease, Step(at=at(day * DAY), messages=(message(1, "x"),)))
            await bench.end(lease, Move.FINISH, day * DAY)
            ended.append(lease.run_id)
        must((await bench.store.prune(at(5 * DAY))).runs == 0, "runs were deleted that are young enough")
        expected = await bench.store.prunable(at(60 * DAY))
        gone = await bench.store.prune(at(60 * DAY))
        must(
            gone.runs == expected.runs == 2, f"{gone.runs} runs of 2 were deleted, {expected.runs} announced"
        )
        with bench.history() as history:
            left = {run.id for run in history.runs()}
            must(history.messages(ended[0]) == [], "a deleted run has left messages")
        must(left == {sleeping.run_id, ended[-1]}, "not the live run and the last one of the job are left")
        must((await bench.store.prune(at(60 * DAY))).runs == 0, "what was deleted is deleted again")

    @on_a_bench
    async def test_readers_see_what_the_store_says(self, bench: Bench) -> None:
        """Runs, jobs and what is known of the crontab, in every value."""
        await bench.load(make_job(), make_job("off", enabled=False))
        await bench.store.commit(await bench.running(), sleep(1, until=60))
        await bench.end(await bench.running(make_job("other"), 2), Move.FAIL, 3, reason="no")
        with bench.history() as history:
            runs = history.runs()
            must(len(runs) == 2, f"two runs are listed as {len(runs)}")
            for run in runs:
                must(await bench.store.run(run.id) == run, f"the store and a reader disagree about {run}")
            must(history.standings() == await bench.store.standings(), "they disagree about the jobs")
            must(history.meta() == await bench.store.meta(), "they disagree about the crontab")
            live = [run.state for run in history.live_runs()]
        must(live == [State.SLEEPING], f"the live runs are {live}")

    @on_a_bench
    async def test_a_steady_reader_sees_one_moment(self, bench: Bench) -> None:
        """What is committed meanwhile is seen afterwards, and the writer does not wait for the reader."""
        lease = await bench.running()
        with bench.history() as history:
            with history.steady():
                must(history.messages(lease.run_id) == [], "a run that was just claimed has messages")
                await bench.store.commit(lease, Step(at=at(1), messages=(message(1, "new"),)))
                must(history.messages(lease.run_id) == [], "a steady reader saw what came later")
            must(len(history.messages(lease.run_id)) == 1, "a reader does not see what was committed")
