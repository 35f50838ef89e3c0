"""The rows of follow-ups."""

from __future__ import annotations

from scheduler.core.changes.follow_up import MakeFollowUp
from scheduler.core.run.step import Step
from scheduler.testing.conformance.store.bench import Bench, at, make_job
from tests.contract.sqlite.rows import select
from tests.contract.test_store_actors import ANNA, follow_up


async def test_a_follow_up_says_who_ended_it(bench: Bench) -> None:
    await bench.load(make_job("brief"))
    lease = await bench.running(make_job("brief"))
    await bench.store.commit(lease, Step(at=at(1), changes=(MakeFollowUp(follow_up(lease.run_id, "check")),)))
    await bench.store.cancel_follow_up("brief/check", at(2), actor=ANNA)
    assert select(bench, "SELECT reason FROM follow_ups") == [("cancelled by anna (web)",)]
