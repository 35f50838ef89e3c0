"""Checks of what comes in and goes out: events and notices."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from scheduler.core.changes.notify import Notify
from scheduler.core.run.event import Event
from scheduler.core.run.notice import Notice
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.core.time.triggers.event import Event as OnEvent
from scheduler.ports.store.outbox import Pending
from scheduler.testing.conformance.store.bench import NOON, Bench, at, make_job
from scheduler.testing.conformance.store.checks import StoreChecks, must, on_a_bench, one

PUSH = "repo:push"


class MessageChecks(StoreChecks):
    """The intake and the outbox."""

    # -- events -----------------------------------------------------------------------------------
    @on_a_bench
    async def test_an_event_is_recorded_once_and_moves_nothing_the_second_time(self, bench: Bench) -> None:
        """Also when two processes report it at once."""
        run_id = await _waits(bench, WakeUp(PUSH, "main"))
        other = await bench.open_more("b")
        taken = await asyncio.gather(
            *(store.take_event(_push(60, "d1")) for store in (bench.store, other) * 4)
        )
        recorded = sum(each.recorded for each in taken)
        must(recorded == 1, f"one event was recorded {recorded} times")
        roused = [each.run_id for found in taken for each in found.roused]
        must(roused == [run_id], f"one event woke {len(roused)} runs of one")
        again = await bench.store.take_event(_push(70, "d1"))
        must(not again.recorded and not again.roused and not again.fired, f"once more it gave {again}")

    @on_a_bench
    async def test_an_event_wakes_who_waits_for_it_alone(self, bench: Bench) -> None:
        """By its key, its subject or neither; another subject is another event."""
        waits = [await _waits(bench, WakeUp(PUSH, key)) for key in ("d1", "main", "")]
        others = [await _waits(bench, each) for each in (WakeUp(PUSH, "dev"), WakeUp("repo:tag"))]
        taken = await bench.store.take_event(_push(60, "d1"))
        must({each.run_id for each in taken.roused} == set(waits), "not those that wait for it were woken")
        states = [(await bench.run(run_id)).state for run_id in others]
        must(states == [State.SLEEPING] * 2, f"those that wait for something else are {states}")

    @on_a_bench
    async def test_an_event_that_comes_before_its_wait_is_not_lost(self, bench: Bench) -> None:
        """The step that puts a run to rest looks back, to its claim or, for its key, further."""
        lease = await bench.running(seconds=10)
        await bench.store.take_event(_push(11, "d1", payload="words"))
        await bench.store.commit(lease, _wait(12, WakeUp(PUSH, "main"), WakeUp(Waking.TIME, due=at(900))))
        must((await bench.run(lease.run_id)).state is State.QUEUED, "an event before its wait was lost")
        lease = one(await bench.claim(13), "lease")
        woken = (await bench.checkpoint(lease, 13)).woken
        must(woken is not None and woken.payload == "words", f"the run is told {woken}")
        await bench.store.commit(lease, _wait(14, WakeUp(PUSH, "main")))
        must((await bench.run(lease.run_id)).state is State.SLEEPING, "an event woke a run twice")

    @on_a_bench
    async def test_an_event_fires_its_job_once(self, bench: Bench) -> None:
        """(job, event) gives one run, and the run knows its cause."""
        job = make_job(trigger=OnEvent(PUSH))
        await bench.load(job)
        taken = [await bench.store.take_event(_push(60, "d1")) for _ in range(2)]
        fired = [run for each in taken for run in each.fired]
        must(len(fired) == 1, f"one event fired its job {len(fired)} times")
        must(fired[0].cause.kind == "event", f"the cause of the run is {fired[0].cause}")
        must(len(await bench.claim(61)) == 1, "the run that was fired cannot be claimed")

    # -- notices ----------------------------------------------------------------------------------
    @on_a_bench
    async def test_a_notice_of_a_step_is_sent_by_one_process_once(self, bench: Bench) -> None:
        """It is written with its step, taken by one, and gone when it was sent."""
        lease = await bench.running()
        body = "All is well: 🛰\r\nü"
        report = Notify(Notice("report", "mail", body, attachments=("a b.png",)))
        await bench.end(lease, Move.FINISH, 1, changes=(report,))
        must(await bench.store.next_due() == at(1), "a notice that waits is not due")
        other = await bench.open_more("b")
        taken = await asyncio.gather(
            *(store.take_notices("r", at(2), 9) for store in (bench.store, other) * 4)
        )
        pending = [each for found in taken for each in found]
        must(len(pending) == 1, f"one notice was handed out {len(pending)} times")
        must(pending[0].notice == report.notice, f"the notice came out as {pending[0].notice}")
        must((pending[0].run_id, pending[0].tries) == (lease.run_id, 1), f"it is {pending[0]}")
        await bench.store.settle_notice(pending[0].id, at(3), "", None)
        must(await _take(bench, 9000) == [], "a notice that was sent is handed out again")

    @on_a_bench
    async def test_a_notice_that_failed_is_tried_again_when_that_is_due(self, bench: Bench) -> None:
        """Until it is given up."""
        await bench.store.queue_notice(Notice("push", "topic", "x"), NOON)
        pending = one(await _take(bench, 1), "pending")
        await bench.store.settle_notice(pending.id, at(2), "no route", at(60))
        must(await _take(bench, 59) == [], "a notice was tried again early")
        again = one(await _take(bench, 60), "again")
        must((again.id, again.tries) == (pending.id, 2), f"the second try is {again}")
        await bench.store.settle_notice(again.id, at(61), "no route", None)
        must(await _take(bench, 9000) == [], "a notice that was given up is tried again")

    @on_a_bench
    async def test_a_notice_taken_by_a_process_that_died_is_taken_again(self, bench: Bench) -> None:
        """An outbox forgets nothing that was not settled."""
        await bench.store.queue_notice(Notice("push", "topic", "x"), NOON)
        pending = one(await _take(bench, 1), "pending")
        await bench.store.rescue(at(2), ["r1"], 3)
        again = await bench.store.take_notices("r2", at(3), 9)
        must([each.id for each in again] == [pending.id], "the notice of a dead process was forgotten")

    @on_a_bench
    async def test_a_notice_with_a_key_is_written_once(self, bench: Bench) -> None:
        """While one waits or is out, another of its kind with its key is not written."""
        full = Notice("push", "topic", "The disk is full.", dedupe_key="disk")
        other = await bench.open_more("b")
        written = [await store.queue_notice(full, NOON) for store in (bench.store, other)]
        must(written == [True, False], f"two processes that write one key were answered {written}")
        must(await bench.store.queue_notice(replace(full, kind="mail"), NOON), "a key holds for another kind")
        must(len(await _take(bench, 1)) == 2, "not every notice that was written is handed out")

    @on_a_bench
    async def test_a_notice_that_has_expired_is_given_up(self, bench: Bench) -> None:
        """It is not handed out any more."""
        await bench.store.queue_notice(Notice("push", "topic", "Soon!", expires_at=at(60)), NOON)
        must(await _take(bench, 60) == [], "a notice that has expired was handed out")
        with bench.history() as history:
            waiting = history.backlog(at(61)).outbox
        must(waiting == {"waiting": 0, "taken": 0}, f"a notice that has expired is still there: {waiting}")


def _push(seconds: float, key: str, payload: str = "{}") -> Event:
    return Event(PUSH, at(seconds), key, "main", payload, "untrusted:repo", "repo")


def _wait(seconds: float, *wakeups: WakeUp) -> Step:
    return Step(at=at(seconds), move=Move.SUSPEND, waiting_for="a push", wakeups=wakeups)


async def _waits(bench: Bench, wakeup: WakeUp) -> str:
    """Put a new run to sleep; return its id."""
    lease = await bench.running(make_job(overlap="allow"))
    await bench.store.commit(lease, _wait(1, wakeup))
    return lease.run_id


async def _take(bench: Bench, seconds: float) -> list[Pending]:
    return await bench.store.take_notices("r1", at(seconds), 9)
