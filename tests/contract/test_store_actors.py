"""Who asked for something stands in its record, whoever it was."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from scheduler.core.actor import DAEMON, PERSON, Actor
from scheduler.core.changes.follow_up import FollowUp, MakeFollowUp
from scheduler.core.changes.question import PutQuestion
from scheduler.core.changes.stain import Stain
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import Step
from scheduler.core.time.trigger import Every
from scheduler.core.trust.approval import Approval
from scheduler.core.trust.marks import NO_MARKS
from scheduler.testing.conformance.store.bench import Bench, at, make_job

ANNA = Actor.door("web", "anna")


def authors(bench: Bench) -> dict[str, str | None]:
    """Return who is named in the newest record of each kind."""
    with bench.database.records() as records:
        return {record.kind: json.loads(record.body).get("by") for record in records.after(0)}


def follow_up(run_id: str, name: str) -> FollowUp:
    job = make_job(f"brief/{name}", trigger=Every(3600))
    return FollowUp(job, run_id, name, "pending", NO_MARKS, at(1), at(86_400), 3)


@pytest.mark.parametrize("actor", [ANNA, PERSON, DAEMON, Actor.agent("k7q2m4xa")], ids=str)
async def test_every_record_of_what_was_asked_for_names_the_actor(bench: Bench, actor: Actor) -> None:
    store, job = bench.store, make_job("brief", workdir="/w")
    await bench.load(job)
    await store.pause("brief", "holidays", at(1), actor=actor)
    await store.unpause("brief", at(1), at(3600), actor=actor)
    run = await store.fire_by(job, at(1), actor=actor)
    assert run is not None
    [lease] = await bench.claim(1)
    ask = Approval("q1", run.id, "t1", "brief", "post", {}, "q1", "no-grant", "why", "asked", at(1), at(9000))
    made = follow_up(run.id, "check"), follow_up(run.id, "other")
    await store.commit(lease, Step(at=at(1), changes=(*map(MakeFollowUp, made), Stain("/w"))))
    put = tuple(map(PutQuestion, (ask, replace(ask, id="q2"))))
    await store.commit(lease, Step(at=at(2), move=Move.PARK, reason_code="approval", changes=put))
    await store.answer("q1", at(3), approve=True, always=True, actor=actor)
    await store.answer("q2", at(3), approve=False, actor=actor)
    with bench.history() as history:
        [grant] = history.always_grants("brief")
    await store.revoke(grant.id, at(4), actor=actor)
    assert await store.clean("/w", at(4), actor=actor)
    await store.confirm("brief/check", made[0].code, at(4), actor=actor)
    await store.cancel_follow_up("brief/other", at(4), actor=actor)
    assert await store.cancel(run.id, at(5), "enough", actor=actor) is State.CANCELLED
    await store.resume(run.id, at(6), "go on", {"run_microusd": 2_000_000}, actor=actor)

    asked_for = {
        *("pause", "unpause", "fire", "approved", "denied", "revoke", "clean", "confirm", "unschedule"),
        *("ask cancel", "budget", "resume"),
    }
    assert {kind: who for kind, who in authors(bench).items() if kind in asked_for} == dict.fromkeys(
        asked_for, str(actor)
    )
