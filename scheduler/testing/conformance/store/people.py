"""Checks of what people do: cancel, resume, answer, grant and confirm."""

from __future__ import annotations

import json

from scheduler.core.actor import PERSON, Actor
from scheduler.core.changes.question import PutQuestion
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.core.trust.approval import Approval
from scheduler.errors import NotFoundError, RefusedError
from scheduler.testing.conformance.store.bench import Bench, at, make_job, sleep
from scheduler.testing.conformance.store.checks import StoreChecks, must, must_raise, on_a_bench, one

ANNA = Actor.door("web", "anna")


class PeopleChecks(StoreChecks):
    """Answers and orders."""

    @on_a_bench
    async def test_a_cancel_ends_a_run_or_asks_its_runner_to(self, bench: Bench) -> None:
        """At once when it does not run, else by a flag; a run that is over is refused."""
        queued = await bench.queue(make_job("other"))
        state = await bench.store.cancel(queued.id, at(1), "enough", actor=PERSON)
        must(state is State.CANCELLED, f"a queued run that is cancelled is {state}")
        lease = await bench.running()
        state = await bench.store.cancel(lease.run_id, at(1), "enough", actor=PERSON)
        must(state is State.RUNNING, f"a running run that is cancelled is {state}")
        asked = await bench.store.cancel_asked([lease.run_id, queued.id])
        must(asked == {lease.run_id}, f"those whose runner must end them are {asked}")
        again = bench.store.cancel(queued.id, at(2), "enough", actor=PERSON)
        await must_raise(RefusedError, again, "a run was cancelled twice")
        unknown = bench.store.cancel("nobody", at(2), "enough", actor=PERSON)
        await must_raise(NotFoundError, unknown, "a run that is not there was cancelled")

    @on_a_bench
    async def test_a_person_wakes_a_sleeper_with_words_and_new_caps(self, bench: Bench) -> None:
        """One that runs cannot be resumed, and gets no caps."""
        lease = await bench.running()
        refused = bench.store.resume(lease.run_id, at(1), "Now.", {"run_tokens": 7}, actor=PERSON)
        await must_raise(RefusedError, refused, "a running run was resumed")
        await bench.store.commit(lease, sleep(1, until=900))
        was = await bench.store.resume(lease.run_id, at(2), "Now.", {"run_tokens": 9}, actor=PERSON)
        must(was is State.SLEEPING, f"a sleeper that is resumed was {was}")
        lease = one(await bench.claim(3), "lease")
        found = await bench.checkpoint(lease, 3)
        must(found.woken is not None and found.woken.payload == "Now.", f"the run is told {found.woken}")
        must(found.job.budget.run_tokens == 9, f"its cap is {found.job.budget.run_tokens} tokens")
        must(await bench.store.wake_due(at(900), 9) == [], "its old wake-up is still there")

    @on_a_bench
    async def test_a_question_is_answered_once(self, bench: Bench) -> None:
        """The answer wakes the run that waits for it, and a second one is refused."""
        lease = await _asked(bench, "q1")
        with bench.history() as history:
            question = one(history.open_approvals(), "question")
        must((question.id, question.args) == ("q1", {"to": "ü"}), f"the question is stored as {question}")
        await bench.store.answer("q1", at(3), approve=True, actor=PERSON)
        must((await bench.run(lease)).state is State.QUEUED, "an answer does not wake its run")
        again = bench.store.answer("q1", at(4), approve=False, actor=PERSON)
        await must_raise(RefusedError, again, "a question was answered twice")
        unknown = bench.store.answer("q9", at(4), approve=True, actor=PERSON)
        await must_raise(NotFoundError, unknown, "an unknown question was answered")

    @on_a_bench
    async def test_an_answer_for_always_is_a_grant_until_it_is_revoked(self, bench: Bench) -> None:
        """It is for these very arguments, and taken back once."""
        await _asked(bench, "q1")
        await bench.store.answer("q1", at(3), approve=True, always=True, actor=PERSON)
        with bench.history() as history:
            grant = one(history.always_grants("brief"), "grant")
        must((grant.tool, grant.exact) == ("post", {"to": "ü"}), f"the grant is {grant}")
        job = await bench.store.revoke(grant.id, at(4), actor=PERSON)
        must(job == "brief", f"the grant was for {job!r}")
        with bench.history() as history:
            must(history.always_grants("brief") == [], "a grant that was revoked is still there")
        again = bench.store.revoke(grant.id, at(5), actor=PERSON)
        await must_raise(NotFoundError, again, "a grant was revoked twice")

    @on_a_bench
    async def test_the_record_names_who_did_it(self, bench: Bench) -> None:
        """Each order is on record with its actor."""
        await bench.load(make_job())
        await bench.store.pause("brief", "holidays", at(1), actor=ANNA)
        run = await bench.queue(make_job("other"))
        await bench.store.cancel(run.id, at(2), "enough", actor=ANNA)
        with bench.database.records() as records:
            bodies = [json.loads(record.body) for record in records.after(0)]
        named = [body for body in bodies if body.get("by") == str(ANNA)]
        must(len(named) == 2, f"of two orders {len(named)} are on record with the name of who gave them")


async def _asked(bench: Bench, name: str) -> str:
    """Let a run park with a question; return its id."""
    lease = await bench.running()
    question = Approval(
        *(name, lease.run_id, "t1", "brief", "post", {"to": "ü"}, name, "no-grant", "why", "asked"),
        at(2),
        at(9000),
    )
    wakeup = WakeUp(Waking.APPROVAL, name, deadline=at(9000))
    step = Step(
        at=at(2),
        move=Move.PARK,
        reason="it waits for a person",
        reason_code=ReasonCode.APPROVAL,
        wakeups=(wakeup,),
        changes=(PutQuestion(question),),
    )
    await bench.store.commit(lease, step)
    return lease.run_id
