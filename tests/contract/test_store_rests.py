"""The store's contract: what ends a rest: wake-ups, deadlines, and what a person may do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.job.job import Overlap
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.core.run.wakeup import WakeUp, Waking, Woken
from scheduler.errors import NotFoundError, RefusedError
from scheduler.ports.store.queue import Rescued
from scheduler.testing.conformance.store.bench import NOON, Bench, at, make_job, parked, sent, sleep

ALL_BUT_ALLOW: tuple[Overlap, ...] = ("skip", "queue", "replace")


async def wake(bench: Bench, seconds: float) -> list[str]:
    return [woke.run_id for woke in await bench.store.wake_due(at(seconds), 100)]


async def rescue(bench: Bench, seconds: float, *dead: str, most: int = 3) -> list[Rescued]:
    return await bench.store.rescue(at(seconds), dead, most)


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


async def test_attempts_count_again_after_a_sleep_and_a_back_off_is_free(bench: Bench) -> None:
    lease = await bench.running()
    await rescue(bench, 60)
    [lease] = await bench.claim(61)
    assert (await bench.run(lease.run_id)).attempts == 2
    await bench.store.commit(lease, sleep(62, until=70))
    await wake(bench, 70)
    [lease] = await bench.claim(71)
    assert (await bench.run(lease.run_id)).attempts == 1
    retry = WakeUp(Waking.RETRY, due=at(80))
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
    probe, deadline = WakeUp(Waking.PROBE, due=at(60)), WakeUp(Waking.DEADLINE, due=at(90))
    await bench.store.commit(lease, parked(1, deadline, probe))
    assert (await bench.run(lease.run_id)).wake_at == at(60)
    # After a long downtime both are due; the earlier one decides.
    assert await wake(bench, 5000) == [lease.run_id]
    assert (await bench.run(lease.run_id)).state is State.QUEUED
    with bench.history() as reader:
        assert reader.wakeups(lease.run_id) == []


@pytest.mark.parametrize("kind", [Waking.PROBE, Waking.DAY])
async def test_at_one_instant_a_deadline_comes_last(bench: Bench, kind: Waking) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, parked(1, WakeUp(Waking.DEADLINE, due=at(60)), WakeUp(kind, due=at(60))))
    await wake(bench, 60)
    assert (await bench.run(lease.run_id)).state is State.QUEUED


async def test_a_deadline_fails_a_parked_run(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, parked(1, WakeUp(Waking.DEADLINE, due=at(60))))
    assert await wake(bench, 60) == [lease.run_id]
    run = await bench.run(lease.run_id)
    assert (run.state, run.reason_code, run.ended_at) == (State.FAILED, "deadline", at(60))
    assert "the key is refused" in run.reason


async def test_a_deadline_is_reported(bench: Bench) -> None:
    lease = await bench.running(make_job(report="mail me"))
    await bench.store.commit(lease, parked(1, WakeUp(Waking.DEADLINE, due=at(60))))
    await wake(bench, 60)
    [pending] = await bench.store.take_notices("r", at(61), 9)
    run = await bench.run(lease.run_id)
    assert (pending.notice.kind, pending.notice.target, pending.notice.body) == (
        "report", "mail me", run.reason,
    )  # fmt: skip
    assert (pending.run_id, pending.job) == (run.id, run.job)


async def test_a_wake_that_the_agent_never_heard_of_is_not_forgotten(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, sleep(10, until=60))
    await wake(bench, 60)
    [lease] = await bench.claim(61)
    await bench.end(lease, Move.BACK_OFF, 62, wakeups=(WakeUp(Waking.RETRY, due=at(90)),))
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
    (Move.SUSPEND, {"wakeups": (WakeUp(Waking.TIME, due=at(900)),)}),
    (Move.PARK, {"wakeups": (WakeUp(Waking.DEADLINE, due=at(900)),)}),
    (Move.BACK_OFF, {"wakeups": (WakeUp(Waking.RETRY, due=at(900)),)}),
]


@pytest.mark.parametrize("move, more", RESTING)
async def test_a_person_wakes_a_resting_run(bench: Bench, move: Move, more: dict[str, Any]) -> None:
    lease = await bench.running()
    await bench.end(lease, move, 1, **more)
    had = (await bench.run(lease.run_id)).state
    assert await bench.store.resume(lease.run_id, at(5), "go on", actor=PERSON) is had
    [lease] = await bench.claim(6)
    assert (await bench.checkpoint(lease)).woken == Woken(
        Waking.PERSON, at(5), at(900), at(1), "go on", provenance="owner"
    )
    assert await wake(bench, 900) == []


@pytest.mark.parametrize("move", [Move.FAIL, Move.CANCEL])
async def test_a_person_continues_with_a_run_that_ended_badly(bench: Bench, move: Move) -> None:
    lease = await bench.running()
    await bench.end(lease, move, 1, reason="it broke", outcome="failed", summary="no")
    await bench.store.resume(lease.run_id, at(5), "try again", actor=PERSON)
    run = await bench.run(lease.run_id)
    assert (run.state, run.ended_at, run.outcome, run.reason, run.attempts) == (
        *(State.QUEUED, None, None, "", 0),
    )
    [lease] = await bench.claim(6)
    woken = (await bench.checkpoint(lease)).woken
    assert woken is not None
    assert (woken.kind, woken.payload) == (Waking.PERSON, "try again")


async def test_a_run_that_was_cancelled_while_running_can_continue(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.cancel(lease.run_id, at(1), "enough", actor=PERSON)
    await bench.end(lease, Move.CANCEL, 2)
    await bench.store.resume(lease.run_id, at(5), "", actor=PERSON)
    assert not (await bench.run(lease.run_id)).cancel_requested


@pytest.mark.parametrize("move", [None, Move.RELEASE, Move.FINISH, Move.QUIET])
async def test_other_runs_cannot_be_resumed(bench: Bench, move: Move | None) -> None:
    lease = await bench.running()
    if move:
        await bench.end(lease, move, 1)
    with pytest.raises(RefusedError):
        await bench.store.resume(lease.run_id, at(2), "", actor=PERSON)


async def test_cancelling_a_queued_run_ends_it_at_once(bench: Bench) -> None:
    run = await bench.queue()
    assert await bench.store.cancel(run.id, at(1), "enough", actor=PERSON) is State.CANCELLED
    ended = await bench.run(run.id)
    assert (ended.state, ended.reason, ended.ended_at) == (State.CANCELLED, "enough", at(1))
    assert await bench.claim(2) == []


@pytest.mark.parametrize("move, more", RESTING)
async def test_cancelling_a_resting_run_ends_it_at_once(
    bench: Bench, move: Move, more: dict[str, Any]
) -> None:
    lease = await bench.running()
    await bench.end(lease, move, 1, **more)
    assert await bench.store.cancel(lease.run_id, at(2), "enough", actor=PERSON) is State.CANCELLED
    assert await wake(bench, 900) == []


async def test_cancelling_a_running_run_is_a_flag(bench: Bench) -> None:
    lease = await bench.running()
    assert await bench.store.cancel_asked([lease.run_id]) == set()
    assert await bench.store.cancel(lease.run_id, at(1), "enough", actor=PERSON) is State.RUNNING
    assert await bench.store.cancel_asked([lease.run_id]) == {lease.run_id}


async def test_a_step_learns_by_its_commit_that_a_cancel_was_asked_for(bench: Bench) -> None:
    lease = await bench.running()
    assert await bench.store.commit(lease, Step(at=at(1), new_step=True)) is False
    await bench.store.cancel(lease.run_id, at(2), "enough", actor=PERSON)
    assert await bench.store.commit(lease, Step(at=at(3), new_step=True)) is True


@pytest.mark.parametrize("move, more", RESTING)
async def test_a_flag_that_the_last_step_did_not_see_still_ends_the_run(
    bench: Bench, move: Move, more: dict[str, Any]
) -> None:
    lease = await bench.running()
    await bench.store.cancel(lease.run_id, at(1), "enough", actor=PERSON)
    await bench.end(lease, move, 2, **more)
    run = await bench.run(lease.run_id)
    assert (run.state, run.reason) == (State.CANCELLED, "enough")
    assert await wake(bench, 900) == []


async def test_a_final_run_cannot_be_cancelled(bench: Bench) -> None:
    lease = await bench.running()
    await bench.end(lease, Move.FINISH, 1)
    with pytest.raises(RefusedError, match="over already"):
        await bench.store.cancel(lease.run_id, at(2), "enough", actor=PERSON)


async def test_an_unknown_run_is_an_error(bench: Bench) -> None:
    assert await bench.store.run("nobody") is None
    with pytest.raises(NotFoundError):
        await bench.store.cancel("nobody", NOON, "why", actor=PERSON)
    with pytest.raises(NotFoundError):
        await bench.store.resume("nobody", NOON, "", actor=PERSON)
    with pytest.raises(NotFoundError):
        await bench.store.raise_budget("nobody", NOON, {"run_microusd": 1}, actor=PERSON)


@pytest.mark.parametrize("code, day_usd", [("budget", 5.0), ("budget-day", 5.9)])
async def test_a_person_raises_the_budget_of_one_run(bench: Bench, code: str, day_usd: float) -> None:
    lease = await bench.running()
    await bench.end(lease, Move.PARK, 1, reason_code=code)
    await bench.store.raise_budget(lease.run_id, at(2), {"run_microusd": 900_000}, actor=PERSON)
    await bench.store.resume(lease.run_id, at(2), "", actor=PERSON)
    [lease] = await bench.claim(3)
    budget = (await bench.checkpoint(lease)).job.budget
    assert (budget.run_usd, budget.day_usd, budget.default) == (0.9, day_usd, False)


async def test_a_run_that_cannot_continue_gets_no_new_cap(bench: Bench) -> None:
    lease = await bench.running()
    before = (await bench.checkpoint(lease)).job.budget
    with pytest.raises(RefusedError):
        await bench.store.resume(lease.run_id, at(2), "", {"run_microusd": 900_000}, actor=PERSON)
    assert (await bench.checkpoint(lease)).job.budget == before
    await bench.end(lease, Move.PARK, 3)
    await bench.store.resume(lease.run_id, at(4), "", {"run_microusd": 900_000}, actor=PERSON)
    [lease] = await bench.claim(5)
    assert (await bench.checkpoint(lease)).job.budget.run_usd == 0.9


async def test_a_person_who_says_continue_forgives_the_failures_so_far(bench: Bench) -> None:
    lease = await bench.running()
    failed = replace(sent(1, 1), state="failed", ended_at=at(1))
    await bench.store.commit(lease, Step(at=at(1), opened=sent(1, 1)))
    await bench.store.commit(lease, Step(at=at(1), closed=failed))
    assert (await bench.checkpoint(lease)).failures == 1
    await bench.end(lease, Move.FAIL, 2)
    await bench.store.resume(lease.run_id, at(3), "the API is well again", actor=PERSON)
    [lease] = await bench.claim(4)
    assert (await bench.checkpoint(lease)).failures == 0
