"""The store's contract: a step is written whole or not at all, by the one who holds the run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.core.changes.notify import Notify
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import CallState, Message, Request, RequestState
from scheduler.core.run.notice import Notice
from scheduler.core.run.run import LIVE, Move, State
from scheduler.core.run.step import CallResult, Step
from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.core.trust.effect import Effect
from scheduler.errors import LostLeaseError
from scheduler.ports.store.database import Database
from scheduler.testing.conformance.store.bench import (
    FRAME,
    NOON,
    Bench,
    answer,
    answered,
    at,
    call,
    done,
    make_job,
    message,
    open_bench,
    sent,
    sleep,
)
from tests.contract.databases import DATABASES

# One agent's life in steps, each on top of the one before.
LIFE: tuple[Step, ...] = (
    Step(at=at(1), frame=FRAME, messages=(message(1, "Say hello."),), told=True),
    Step(at=at(2), opened=sent(1)),
    Step(at=at(3), closed=Request(1, 1, "claude-x", at(2), "failed", at(3), error="overloaded")),
    Step(at=at(3), opened=sent(2)),
    Step(
        at=at(4),
        messages=(answer(2, "t1", "t2", "t3"),),
        planned=(call("t1", 2), call("t2", 2, 1, Effect.PURE), call("t3", 2, 2)),
        closed=answered(2),
        new_step=True,
    ),
    Step(at=at(5), started=("t1", "t2")),
    Step(at=at(6), results=(done("t1"),)),
    Step(at=at(6), results=(CallResult("t2", CallState.FAILED, ({"type": "text", "text": "no"},)),)),
    Step(at=at(7), waiting=("t3",)),
    Step(at=at(8), results=(done("t3", "awake"),), told=True),
    Step(at=at(9), messages=(message(3, "results"),)),
    Step(at=at(10), opened=sent(3)),
    Step(
        at=at(11),
        messages=(answer(4, "t4"),),
        planned=(call("t4", 4),),
        closed=answered(3, cost=None),
        new_step=True,
    ),
    Step(at=at(12), changes=(Notify(Notice("report", "mail", "half way")),)),
)


async def live(bench: Bench, steps: Sequence[Step]) -> tuple[Any, Checkpoint]:
    lease = await bench.running()
    at_ = await bench.checkpoint(lease)
    for step in steps:
        await bench.store.commit(lease, step)
        at_ = at_.apply(step)
    return lease, at_


@pytest.mark.parametrize("length", range(len(LIFE) + 1))
async def test_the_applied_checkpoint_is_the_stored_one(bench: Bench, length: int) -> None:
    lease, applied = await live(bench, LIFE[:length])
    assert await bench.checkpoint(lease) == applied


async def test_a_checkpoint_survives_the_process(bench: Bench) -> None:
    lease, applied = await live(bench, LIFE)
    other = await bench.open_more("b")
    assert await other.checkpoint(lease, at(20)) == applied


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
# One by one: a high and a low surrogate side by side are one character as soon as they are JSON, here and
# on their way to the API.
LONE_SURROGATES = st.characters(categories=["Cs"])
BLOCKS = st.lists(
    st.dictionaries(st.text() | LONE_SURROGATES, JSON | LONE_SURROGATES, min_size=1, max_size=4), max_size=3
)


@pytest.mark.parametrize("kind", DATABASES)
@given(contents=st.lists(BLOCKS, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_raw_messages_come_back_verbatim_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, contents: list[list[dict[str, Any]]], kind: str
) -> None:
    asyncio.run(_round_trip(DATABASES[kind](tmp_path_factory.mktemp("db")), contents))


async def _round_trip(database: Database, contents: list[list[dict[str, Any]]]) -> None:
    async with open_bench(database) as bench:
        lease = await bench.running()
        messages = tuple(
            Message(seq, "user", tuple(blocks), "owner", NOON) for seq, blocks in enumerate(contents, 1)
        )
        await bench.store.commit(lease, Step(at=NOON, messages=messages))
        stored = (await bench.checkpoint(lease)).messages
        assert stored == messages
        for left, right in zip(stored, messages, strict=True):
            assert [list(block) for block in left.content] == [list(block) for block in right.content]


async def test_odd_text_in_words_for_people_is_stored_all_the_same(bench: Bench) -> None:
    lease = await bench.running()
    await bench.end(lease, Move.FAIL, 1, reason="a \ud800 b \0 c", summary="\udfff")
    assert (await bench.run(lease.run_id)).reason == "a ? b ? c"


# -- fencing ------------------------------------------------------------------------------------------
ANY_STEPS = [
    *LIFE[:2],
    Step(at=at(3)),
    Step(at=at(3), new_step=True),
    sleep(3, until=90),
    Step(at=at(3), move=Move.FINISH),
    Step(at=at(3), move=Move.FAIL, changes=(Notify(Notice("report", "mail", "x")),)),
]


@pytest.mark.parametrize("step", ANY_STEPS)
async def test_an_old_epoch_writes_nothing(bench: Bench, step: Step) -> None:
    old = await bench.running()
    await bench.store.rescue(at(60), [], 9)
    [new] = await bench.claim(61)
    before = await bench.checkpoint(new)
    with pytest.raises(LostLeaseError):
        await bench.store.commit(old, step)
    assert await bench.checkpoint(new) == before
    assert await bench.store.take_notices("r1", at(90), 9) == []


@pytest.mark.parametrize("step", ANY_STEPS)
async def test_a_run_that_was_let_go_takes_no_more_steps(bench: Bench, step: Step) -> None:
    lease = await bench.running()
    await bench.end(lease, Move.RELEASE, 1)
    before = await bench.run(lease.run_id)
    with pytest.raises(LostLeaseError):
        await bench.store.commit(lease, step)
    assert await bench.run(lease.run_id) == before


async def test_a_lease_that_ran_out_may_write_until_somebody_takes_the_run(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, Step(at=at(900), new_step=True))
    assert (await bench.run(lease.run_id)).steps == 1


# -- all or nothing -------------------------------------------------------------------------------------
WRONG = [
    Step(at=at(20), messages=(message(7, "a gap"),), new_step=True),
    Step(at=at(20), messages=(message(2, "again"),), new_step=True),
    Step(at=at(20), started=("nobody",), new_step=True),
    Step(at=at(20), started=("t1",), new_step=True),  # closed already: its effect happened
    Step(at=at(20), results=(done("t1", "twice"),), new_step=True),
    Step(at=at(20), results=(CallResult("t4", CallState.STARTED, "?"),), new_step=True),
    Step(at=at(20), planned=(call("t4", 4),), new_step=True),
    Step(at=at(20), closed=answered(2), new_step=True),
    Step(at=at(20), closed=answered(99), new_step=True),
    Step(at=at(20), opened=sent(2), new_step=True),
    Step(at=at(20), move=Move.CLAIM, new_step=True),
    Step(at=at(20), move=Move.SUSPEND, results=(done("nobody"),), wakeups=(WakeUp(Waking.TIME, due=at(90)),)),
    Step(at=at(20), move=Move.FINISH, started=("nobody",), changes=(Notify(Notice("report", "mail", "x")),)),
]


@pytest.mark.parametrize("step", WRONG)
async def test_a_step_that_does_not_fit_writes_nothing(bench: Bench, step: Step) -> None:
    lease, before = await live(bench, LIFE)
    with pytest.raises(Exception, match=r".") as caught:
        await bench.store.commit(lease, step)
    assert not isinstance(caught.value, LostLeaseError)
    assert await bench.checkpoint(lease) == before
    assert len(await bench.store.take_notices("r1", at(90), 9)) == 1


async def test_a_wrong_step_does_not_spoil_its_neighbours_in_the_batch(bench: Bench) -> None:
    good = [await bench.running(make_job(f"j{n}")) for n in range(5)]
    bad = await bench.running(make_job("bad"))
    outcomes = await asyncio.gather(
        *(bench.store.commit(lease, Step(at=at(1), new_step=True)) for lease in good),
        bench.store.commit(bad, Step(at=at(1), new_step=True, started=("nobody",))),
        return_exceptions=True,
    )
    assert outcomes[:5] == [False] * 5
    assert isinstance(outcomes[5], ValueError)
    assert [(await bench.run(lease.run_id)).steps for lease in (*good, bad)] == [1, 1, 1, 1, 1, 0]


# -- moves ----------------------------------------------------------------------------------------------
ENDS = {
    Move.SUSPEND: State.SLEEPING,
    Move.FINISH: State.SUCCEEDED,
    Move.FAIL: State.FAILED,
    Move.BACK_OFF: State.RETRYING,
    Move.RELEASE: State.QUEUED,
    Move.PARK: State.PARKED,
    Move.QUIET: State.SKIPPED,
    Move.CANCEL: State.CANCELLED,
}


@pytest.mark.parametrize("move, state", ENDS.items())
async def test_a_move_sets_the_state_and_gives_the_lease_back(bench: Bench, move: Move, state: State) -> None:
    lease = await bench.running()
    await bench.end(lease, move, 5, reason="because", reason_code="why", summary="sum", outcome="done")
    run = await bench.run(lease.run_id)
    assert (run.state, run.reason, run.reason_code) == (state, "because", "why")
    assert (run.summary, run.outcome) == ("sum", "done")
    assert run.ended_at == (None if state in LIVE else at(5))
    assert await bench.store.rescue(at(900), ["r1"], 1) == []
    with bench.history() as reader:
        [attempt] = reader.attempts(lease.run_id)
    assert (attempt.released_at, attempt.ended_as) == (at(5), move.value)


async def test_sleeping_is_one_transaction_with_its_messages_and_wake_up(bench: Bench) -> None:
    lease = await bench.running()
    step = sleep(5, until=60, messages=(message(1, "Good night."),), new_step=True)
    await bench.store.commit(lease, step)
    with bench.history() as reader:
        assert reader.wakeups(lease.run_id) == [WakeUp(Waking.TIME, due=at(60))]
        assert reader.messages(lease.run_id) == [message(1, "Good night.")]
    assert (await bench.run(lease.run_id)).steps == 1


async def test_a_request_left_open_by_the_last_step_is_lost(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, Step(at=at(1), opened=sent()))
    await bench.end(lease, Move.FAIL, 2)
    assert (await bench.run(lease.run_id)).unknown_cost_requests == 1


async def test_a_request_given_up_by_its_runner_is_counted_as_lost_once(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, Step(at=at(1), opened=sent()))
    lost = replace(sent(), state="lost", ended_at=at(2), error="interrupted")
    await bench.end(lease, Move.RELEASE, 2, closed=lost)
    await bench.claim(3)
    assert (await bench.run(lease.run_id)).unknown_cost_requests == 1


async def test_steps_of_an_attempt_are_counted_from_its_claim(bench: Bench) -> None:
    lease, before = await live(bench, LIFE)
    assert (before.steps, before.run.steps) == (2, 2)
    await bench.store.commit(lease, sleep(20, until=60))
    await bench.store.wake_due(at(60), 9)
    [lease] = await bench.claim(61)
    woken = await bench.checkpoint(lease)
    assert (woken.steps, woken.run.steps, woken.requests) == (0, 2, 3)


# -- money ----------------------------------------------------------------------------------------------
async def spend(bench: Bench, seconds: float, cost: int, job: str = "brief") -> None:
    lease = await bench.running(make_job(job, tz="Asia/Tokyo"), seconds)
    await bench.store.commit(lease, Step(at=at(seconds), opened=sent(when=at(seconds))))
    closed = answered(cost=cost, when=at(seconds))
    await bench.store.commit(lease, Step(at=at(seconds + 1), closed=closed, move=Move.FINISH))


async def test_a_day_is_the_local_day_of_the_job_and_counts_all_its_runs(bench: Bench) -> None:
    midnight = 3 * 3600  # 15:00 UTC
    await spend(bench, midnight - 60, 1)
    await spend(bench, midnight + 60, 10)
    await spend(bench, midnight + 120, 100)
    await spend(bench, midnight + 120, 1000, job="other")
    lease = await bench.running(make_job(tz="Asia/Tokyo"), midnight + 200)
    assert (await bench.checkpoint(lease, midnight + 200)).spent_day_microusd == 110
    with bench.history() as reader:
        now = at(midnight + 200)
        assert reader.spent_today("brief", now, "Asia/Tokyo")[0] == 110
        assert reader.spent_today("other", now, "Asia/Tokyo")[0] == 1000


async def test_failures_in_a_row_count_attempts_and_end_with_an_answer(bench: Bench) -> None:
    lease = await bench.running()
    at_ = await bench.checkpoint(lease)

    async def request(number: int, epoch: int, state: RequestState) -> None:
        nonlocal at_
        opened = sent(number, epoch)
        closed = replace(opened, state=state, ended_at=at(number))
        for step in (Step(at=at(number), opened=opened), Step(at=at(number), closed=closed)):
            await bench.store.commit(lease, step)
            at_ = at_.apply(step)
        assert await bench.checkpoint(lease) == at_

    await request(1, 1, "failed")
    await request(2, 1, "failed")
    assert (at_.failures, at_.failed_attempt) == (1, 1)
    await request(3, 2, "failed")
    await request(4, 3, "failed")
    assert (at_.failures, at_.failed_attempt) == (3, 3)
    await request(5, 3, "answered")
    assert (at_.failures, at_.failed_attempt) == (0, 0)
