"""The store's contract: wake-ups that wait for an event, until a deadline or without an end."""

from __future__ import annotations

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.core.run.wakeup import WakeUp, Waking, Woken, earliest
from scheduler.testing.conformance.store.bench import Bench, at, parked

PUSH = "repo:push"


def waiting(seconds: float, *wakeups: WakeUp) -> Step:
    """Return the step that puts a run to sleep until one of these comes."""
    return Step(at=at(seconds), move=Move.SUSPEND, waiting_for="a push", wakeups=wakeups)


async def test_what_is_waited_for_is_stored_as_it_is(bench: Bench) -> None:
    wakeups = (
        WakeUp(Waking.TIME, due=at(60)),
        WakeUp(PUSH, "main", deadline=at(90)),
        WakeUp(PUSH, "dev", due=at(70), deadline=at(95)),
        WakeUp("of a plug-in"),
    )
    lease = await bench.running()
    await bench.store.commit(lease, waiting(1, *wakeups))
    with bench.history() as reader:
        found = reader.wakeups(lease.run_id)
    assert found == sorted(wakeups, key=lambda each: each.until or at(999))
    assert (await bench.run(lease.run_id)).wake_at == at(60) == earliest(wakeups)


async def test_no_clock_wakes_who_waits_for_an_event_alone(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, waiting(1, WakeUp(PUSH, "main")))
    assert await bench.store.next_due() is None
    assert await bench.store.wake_due(at(9e8), 9) == []
    run = await bench.run(lease.run_id)
    assert (run.state, run.wake_at) == (State.SLEEPING, None)
    assert await bench.store.resume(lease.run_id, at(5), "", actor=PERSON) is State.SLEEPING


async def test_who_sleeps_is_woken_at_the_deadline_and_told_what_has_not_come(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, waiting(1, WakeUp(PUSH, "main", deadline=at(60))))
    assert await bench.store.next_due() == at(60)
    assert [woke.state for woke in await bench.store.wake_due(at(61), 9)] == [State.QUEUED]
    [lease] = await bench.claim(62)
    assert (await bench.checkpoint(lease)).woken == Woken(PUSH, at(61), at(60), at(1), key="main")


async def test_who_is_parked_is_given_up_at_the_deadline_and_not_at_the_due_instant(bench: Bench) -> None:
    for deadline, state in ((60, State.FAILED), (90, State.QUEUED)):
        lease = await bench.running()
        await bench.store.commit(lease, parked(1, WakeUp(PUSH, "main", at(60), at(deadline))))
        [woke] = await bench.store.wake_due(at(60), 9)
        assert (woke.state, (await bench.run(lease.run_id)).state) == (state, state)
        await bench.store.cancel(lease.run_id, at(61), "", actor=PERSON) if state is State.QUEUED else None


async def test_an_event_that_the_agent_was_not_told_of_is_kept_while_other_things_wake_it(
    bench: Bench,
) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, waiting(1, WakeUp(PUSH, "main", deadline=at(10))))
    await bench.store.wake_due(at(10), 9)
    [lease] = await bench.claim(11)
    await bench.end(lease, Move.BACK_OFF, 12, wakeups=(WakeUp(Waking.RETRY, due=at(20)),))
    await bench.store.resume(lease.run_id, at(15), "Go on.", actor=PERSON)
    [lease] = await bench.claim(16)
    woken = (await bench.checkpoint(lease)).woken
    assert woken is not None
    assert (woken.kind, woken.payload) == (Waking.PERSON, "Go on.")
    assert woken.earlier == Woken(PUSH, at(10), at(10), at(1), key="main")


async def test_sleeps_that_events_end_count_as_wakes_and_the_schedulers_own_rests_do_not(
    bench: Bench,
) -> None:
    for kind in (PUSH, Waking.TIME, Waking.PROBE):
        lease = await bench.running()
        await bench.store.commit(lease, waiting(1, WakeUp(kind, due=at(60))))
        await bench.store.wake_due(at(60), 9)
        [lease] = await bench.claim(61)
        await bench.end(lease, Move.FINISH, 62)
    assert await bench.store.wakes_since("brief", at(0), 9) == [at(60), at(60)]


def test_a_wait_that_nothing_can_end_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="needs its instant"):
        WakeUp(Waking.TIME)
