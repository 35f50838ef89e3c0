"""Checks of the ledger: a step is written whole or not at all, by the holder of the run."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from scheduler.core.actor import PERSON
from scheduler.core.changes.limits import DayAffords
from scheduler.core.changes.notify import Notify
from scheduler.core.run.budget import DayCap
from scheduler.core.run.conversation import CallState, Message
from scheduler.core.run.lease import Lease
from scheduler.core.run.notice import Notice
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import CallResult, Step
from scheduler.core.trust.effect import Effect
from scheduler.errors import LostLeaseError, OverBudgetError
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
    sent,
    sleep,
)
from scheduler.testing.conformance.store.checks import StoreChecks, must, must_raise, on_a_bench, one

LIFE: tuple[Step, ...] = (
    Step(at=at(1), frame=FRAME, messages=(message(1, "Say hello."),), told=True),
    Step(at=at(2), opened=sent()),
    Step(
        at=at(4),
        messages=(answer(2, "t1", "t2"),),
        planned=(call("t1", 2), call("t2", 2, 1, Effect.PURE)),
        closed=answered(),
        new_step=True,
    ),
    Step(at=at(5), started=("t1", "t2")),
    Step(at=at(6), results=(done("t1"),)),
    Step(at=at(7), results=(CallResult("t2", CallState.FAILED, ({"type": "text", "text": "no"},)),)),
    Step(at=at(8), messages=(message(3, "results"),)),
)
"""An agent's life in steps, each on top of the one before."""

ODD = ("", "Grüße, 日本語, עברית, 🛰 👩‍👩‍👧 e\u0301", "a NUL \0 and a lone surrogate \ud800", "x" * 300_000)
"""Texts that a model or a tool may give, and that must come back as they are."""

STEPS = (
    Step(at=at(70), messages=(message(1, "Too late."),)),
    Step(at=at(70), opened=sent()),
    Step(at=at(70), move=Move.FINISH, changes=(Notify(Notice("report", "mail", "Too late.")),)),
    sleep(70, until=90),
)


class StepChecks(StoreChecks):
    """Commits and checkpoints."""

    @on_a_bench
    async def test_a_checkpoint_is_the_sum_of_its_steps(self, bench: Bench) -> None:
        """What is loaded equals what the steps fold into, after each, and in another process."""
        lease = await bench.running()
        expected = await bench.checkpoint(lease)
        for number, step in enumerate(LIFE, 1):
            await bench.store.commit(lease, step)
            expected = expected.apply(step)
            must(await bench.checkpoint(lease) == expected, f"after step {number} another one is loaded")
        other = await bench.open_more("b")
        must(await other.checkpoint(lease, NOON) == expected, "another process loads another checkpoint")

    @on_a_bench
    async def test_messages_come_back_as_they_are(self, bench: Bench) -> None:
        """Any text and any JSON, in the order of their keys."""
        lease = await bench.running()
        odd: tuple[object, ...] = (2**53, -1, 1.5, True, None, {"b": [1, {}], "a": "ü"})
        blocks = tuple({"type": "text", "text": text, "z": odd, "a": 1} for text in ODD)
        written = (Message(1, "user", tuple({**each, "z": list(odd)} for each in blocks), "owner", NOON),)
        await bench.store.commit(lease, Step(at=at(1), messages=written))
        found = one((await bench.checkpoint(lease)).messages, "message")
        for before, after in zip(written[0].content, found.content, strict=True):
            must(before == after, f"{str(before)[:80]!r} came back as {str(after)[:80]!r}")
            must(list(before) == list(after), f"the keys came back in the order {list(after)}")

    @on_a_bench
    async def test_an_old_epoch_writes_nothing(self, bench: Bench) -> None:
        """Whatever a step contains, it is refused as a whole once another claim has raised the epoch."""
        old = await bench.running()
        await bench.store.rescue(at(60), [], 9)
        new = one(await bench.claim(61), "new")
        before = await bench.checkpoint(new)
        for number, step in enumerate(STEPS, 1):
            await must_raise(
                LostLeaseError, bench.store.commit(old, step), f"step {number} of an old epoch was written"
            )
        must(await bench.checkpoint(new) == before, "steps of an old epoch have left something behind")
        notices = await bench.store.take_notices("r1", at(80), 9)
        must(notices == [], "a step of an old epoch has left a notice")

    @on_a_bench
    async def test_a_step_that_is_wrong_spoils_no_other(self, bench: Bench) -> None:
        """It is undone alone, although others were written at the same moment."""
        good = [await bench.running(make_job(f"j{number}")) for number in range(4)]
        bad = await bench.running(make_job("bad"))
        wrong = Step(at=at(1), new_step=True, messages=(message(1, "x"),), started=("nobody",))
        outcomes = await asyncio.gather(
            *(bench.store.commit(lease, Step(at=at(1), new_step=True)) for lease in good),
            bench.store.commit(bad, wrong),
            return_exceptions=True,
        )
        must(outcomes[:4] == [False] * 4, f"the right steps gave {outcomes[:4]}")
        must(isinstance(outcomes[4], Exception), "a step that starts an unknown call was written")
        steps = [(await bench.run(lease.run_id)).steps for lease in (*good, bad)]
        must(steps == [1, 1, 1, 1, 0], f"the runs have {steps} steps")
        must((await bench.checkpoint(bad)).messages == (), "a part of the wrong step was kept")

    @on_a_bench
    async def test_a_request_that_has_no_room_is_not_opened(self, bench: Bench) -> None:
        """What is spent and what is out count together, and nothing of the refused step is kept."""
        job = make_job(overlap="allow")
        first, second = await bench.running(job), await bench.running(job)
        await _open(bench, first, 1)
        error = await must_raise(OverBudgetError, _open(bench, second, 2), "a full day had room for more")
        must((error.spent, error.out) == (0, 1_000), f"{error.spent} were spent and {error.out} out")
        must((await bench.checkpoint(second)).requests == 0, "a refused request was opened")
        await bench.store.commit(first, Step(at=at(3), closed=answered(when=at(1))))
        await _open(bench, second, 4)

    @on_a_bench
    async def test_requests_at_once_do_not_share_the_last_room(self, bench: Bench) -> None:
        """Two processes that both find room cannot both take it: writing units are serialised."""
        job = make_job(overlap="allow")
        leases = [await bench.running(job) for _ in range(8)]
        other = await bench.open_more("b")
        outcomes = await asyncio.gather(
            *(
                store.commit(lease, _request(1))
                for store, lease in zip((bench.store, other) * 4, leases, strict=True)
            ),
            return_exceptions=True,
        )
        opened = sum(outcome is False for outcome in outcomes)
        must(opened == 1, f"{opened} requests were opened where there was room for one")

    @on_a_bench
    async def test_a_request_that_was_left_open_is_lost_and_counts(self, bench: Bench) -> None:
        """Its runner died: at the next claim it is no longer out, and its reserve is spent."""
        lease = await bench.running()
        await _open(bench, lease, 1)
        await bench.store.rescue(at(60), ["r1"], 5)
        lease = one(await bench.claim(61), "lease")
        run = (await bench.checkpoint(lease, 61)).run
        must(run.tokens == 1_000, f"a lost request with a reserve of 1,000 tokens counts as {run.tokens}")
        with bench.history() as history:
            states = [request.state for request in history.requests(lease.run_id)]
        must(states == ["lost"], f"its request is {states}")

    @on_a_bench
    async def test_a_cancel_is_reported_by_the_commit(self, bench: Bench) -> None:
        """A run that works hears of it; one that rests would not, and ends in the same transaction."""
        lease = await bench.running()
        asked = await bench.store.commit(lease, Step(at=at(1)))
        must(asked is False, "a commit reports a cancel that was not requested")
        await bench.store.cancel(lease.run_id, at(2), "enough", actor=PERSON)
        must(await bench.store.commit(lease, Step(at=at(3))) is True, "a commit does not report a cancel")
        await bench.store.commit(lease, sleep(4, until=900))
        run = await bench.run(lease.run_id)
        must((run.state, run.reason) == (State.CANCELLED, "enough"), f"the run rests as {run.state}")
        must(await bench.store.wake_due(at(900), 9) == [], "a cancelled run was woken")

    @on_a_bench
    async def test_a_step_that_rests_is_one_transaction_with_its_wake_up(self, bench: Bench) -> None:
        """Messages, state, wake-up and the end of the attempt are written together."""
        lease = await bench.running()
        await bench.store.commit(lease, sleep(1, until=60, messages=(message(1, "Good night."),)))
        with bench.history() as history:
            found = history.run(lease.run_id)
            texts, wakeups = history.messages(lease.run_id), history.wakeups(lease.run_id)
            attempt = one(history.attempts(lease.run_id), "attempt")
        must((found.state, found.wake_at) == (State.SLEEPING, at(60)), f"the run is {found}")
        must(len(texts) == len(wakeups) == 1, f"{len(texts)} messages and {len(wakeups)} wake-ups were kept")
        must(attempt.released_at == at(1), f"the attempt ended at {attempt.released_at}")
        await must_raise(
            LostLeaseError, bench.store.commit(lease, Step(at=at(2))), "a run that rests takes another step"
        )


def _request(seconds: float, number: int = 1) -> Step:
    """Return the step that opens a request of a thousand tokens on a day that has room for 900."""
    opened = replace(sent(number, when=at(seconds)), reserved_microusd=5, tokens=1_000)
    return Step(at=at(seconds), opened=opened, guards=(DayAffords(DayCap(10**12, NOON, 900)),))


async def _open(bench: Bench, lease: Lease, seconds: float) -> None:
    await bench.store.commit(lease, _request(seconds))
