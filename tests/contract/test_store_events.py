"""The store's contract: events, recorded once, whom they wake, and what they fire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.job.job import Job
from scheduler.core.run.cause import EVENT, Cause
from scheduler.core.run.event import RUN_ENDED, Event, Wanted, is_wanted
from scheduler.core.run.run import Move, State
from scheduler.core.run.wakeup import WakeUp, Waking, Woken
from scheduler.core.time.triggers.event import Event as OnEvent
from scheduler.ports.store.intake import Taken
from scheduler.testing.conformance.store.bench import Bench, at, make_job, parked
from tests.contract.test_store_wakeups import PUSH, waiting

DAY = 86_400


def push(seconds: float, key: str = "", subject: str = "main", payload: str = "{}", **more: Any) -> Event:
    """Return an event that comes ``seconds`` after noon."""
    return Event(PUSH, at(seconds), key, subject, payload, "untrusted:repo", "repo", **more)


async def asleep(bench: Bench, *wakeups: WakeUp, seconds: float = 1) -> str:
    """Put a new run to sleep; return its id."""
    lease = await bench.running(seconds=seconds - 1)
    await bench.store.commit(lease, waiting(seconds, *wakeups))
    return lease.run_id


async def states(bench: Bench, *run_ids: str) -> list[State]:
    return [(await bench.run(run_id)).state for run_id in run_ids]


# -- whom it wakes ----------------------------------------------------------------------------------
@pytest.mark.parametrize("key", ["d1", "main", ""])
async def test_an_event_wakes_who_waits_for_its_key_its_subject_or_any(bench: Bench, key: str) -> None:
    run_id = await asleep(bench, WakeUp(PUSH, key, deadline=at(900)), WakeUp(Waking.TIME, due=at(800)))
    [woke] = (await bench.store.take_event(push(60, "d1", payload="words"))).roused
    assert (woke.run_id, woke.state, woke.kind, woke.due) == (run_id, State.QUEUED, PUSH, at(60))
    with bench.history() as reader:
        assert reader.wakeups(run_id) == [], "the others are dropped with it"
    [lease] = await bench.claim(61)
    woken = (await bench.checkpoint(lease)).woken
    assert woken == Woken(PUSH, at(60), None, at(1), "words", key="main", provenance="untrusted:repo"), (
        "it came, so no instant is named"
    )


@pytest.mark.parametrize(
    "wakeup", [WakeUp(PUSH, "dev"), WakeUp("repo:tag"), WakeUp(Waking.TIME, due=at(900))]
)
async def test_an_event_wakes_nobody_who_waits_for_something_else(bench: Bench, wakeup: WakeUp) -> None:
    run_id = await asleep(bench, wakeup)
    assert (await bench.store.take_event(push(60, "d1"))).roused == ()
    assert await states(bench, run_id) == [State.SLEEPING]


async def test_an_event_is_recorded_once_and_the_second_changes_nothing(bench: Bench) -> None:
    assert (await bench.store.take_event(push(60, "d1"))).recorded
    run_id = await asleep(bench, WakeUp(PUSH, "dev"), seconds=70)
    assert await bench.store.take_event(push(80, "d1", subject="dev")) == Taken(recorded=False)
    assert await states(bench, run_id) == [State.SLEEPING]
    assert (await bench.store.take_event(push(90, "d2", subject="dev"))).recorded
    assert await states(bench, run_id) == [State.QUEUED]


async def test_events_without_a_key_are_each_their_own(bench: Bench) -> None:
    taken = [await bench.store.take_event(push(60)) for _ in range(2)]
    assert [each.recorded for each in taken] == [True, True]


async def test_a_run_that_works_is_not_woken(bench: Bench) -> None:
    lease = await bench.running()
    assert (await bench.store.take_event(push(1))).roused == ()
    assert await states(bench, lease.run_id) == [State.RUNNING]


async def test_who_is_woken_was_woken_once(bench: Bench) -> None:
    run_id = await asleep(bench, WakeUp(PUSH, "main"), WakeUp(PUSH))
    assert len((await bench.store.take_event(push(60))).roused) == 1
    assert (await bench.store.take_event(push(61))).roused == ()
    assert len(await bench.claim(62)) == 1
    assert (await bench.run(run_id)).epoch == 2


async def test_what_woke_a_run_does_not_wake_it_again_though_the_clock_stands_still(bench: Bench) -> None:
    run_id = await asleep(bench, WakeUp(PUSH), seconds=60)
    await bench.store.take_event(push(60, "d1"))
    [lease] = await bench.claim(60)
    await bench.store.commit(lease, waiting(60, WakeUp(PUSH, "main")))
    assert await states(bench, run_id) == [State.SLEEPING]
    await bench.store.take_event(push(60, "d2"))
    assert await states(bench, run_id) == [State.QUEUED]


# -- the look back ----------------------------------------------------------------------------------
@pytest.mark.parametrize("key", ["d1", "main", ""])
async def test_an_event_between_the_claim_and_the_wait_is_not_lost(bench: Bench, key: str) -> None:
    lease = await bench.running(seconds=10)
    await bench.store.take_event(push(11, "d1", payload="words"))
    await bench.store.commit(lease, waiting(12, WakeUp(Waking.TIME, due=at(900)), WakeUp(PUSH, key)))
    run = await bench.run(lease.run_id)
    assert (run.state, run.wake_at) == (State.QUEUED, None)
    with bench.history() as reader:
        assert reader.wakeups(run.id) == []
    [lease] = await bench.claim(13)
    woken = (await bench.checkpoint(lease)).woken
    assert woken is not None
    assert (woken.kind, woken.at, woken.slept_since, woken.payload) == (PUSH, at(12), at(12), "words")


@pytest.mark.parametrize("key, state", [("d1", State.QUEUED), ("main", State.SLEEPING), ("", State.SLEEPING)])
async def test_an_event_before_the_claim_satisfies_who_names_its_key(
    bench: Bench, key: str, state: State
) -> None:
    await bench.store.take_event(push(5, "d1"))
    lease = await bench.running(seconds=10)
    await bench.store.commit(lease, waiting(12, WakeUp(PUSH, key)))
    assert await states(bench, lease.run_id) == [state]


async def test_a_sleep_by_the_clock_looks_at_no_event(bench: Bench) -> None:
    lease = await bench.running(seconds=10)
    await bench.store.take_event(Event("time", at(11)))
    await bench.store.commit(lease, waiting(12, WakeUp(Waking.TIME, due=at(900))))
    assert await states(bench, lease.run_id) == [State.SLEEPING]


# -- a person, and the ends of runs -----------------------------------------------------------------
async def test_a_persons_word_is_an_event_that_others_may_wait_for(bench: Bench) -> None:
    told = await asleep(bench, WakeUp(Waking.TIME, due=at(900)))
    waits = await asleep(bench, WakeUp(Waking.PERSON, told), seconds=3)
    other = await asleep(bench, WakeUp(Waking.PERSON, "nobody"), seconds=5)
    await bench.store.resume(told, at(60), "Hurry.", actor=PERSON)
    assert await states(bench, told, waits, other) == [State.QUEUED, State.QUEUED, State.SLEEPING]
    await bench.store.cancel(told, at(61), "", actor=PERSON)
    [lease] = await bench.claim(62)
    woken = (await bench.checkpoint(lease)).woken
    assert woken is not None
    assert (lease.run_id, woken.kind, woken.payload) == (waits, Waking.PERSON, "Hurry.")


@pytest.mark.parametrize("move", [Move.FINISH, Move.FAIL])
@pytest.mark.parametrize("by", ["run", "job"])
async def test_the_end_of_a_run_wakes_who_waits_for_it(bench: Bench, move: Move, by: str) -> None:
    lease = await bench.running(make_job("other"))
    run_id = await asleep(bench, WakeUp(RUN_ENDED, lease.run_id if by == "run" else "other"))
    await bench.end(lease, move, 60, outcome="done")
    assert await states(bench, run_id) == [State.QUEUED]
    [again] = await bench.claim(61)
    woken = (await bench.checkpoint(again)).woken
    assert woken is not None
    ended = (await bench.run(lease.run_id)).state
    assert (woken.kind, woken.key, woken.provenance) == (RUN_ENDED, "other", "own")
    assert f'"run":"{lease.run_id}"' in woken.payload
    assert f'"state":"{ended}"' in woken.payload


@pytest.mark.parametrize("by", ["run", "job"])
async def test_who_waits_for_a_run_that_has_ended_continues_at_once(bench: Bench, by: str) -> None:
    lease = await bench.running()
    other = await bench.running(make_job("other"))
    await bench.end(other, Move.FINISH, 5)
    await bench.store.commit(lease, waiting(9, WakeUp(RUN_ENDED, other.run_id if by == "run" else "other")))
    assert await states(bench, lease.run_id) == [State.QUEUED]


async def test_a_run_that_continues_ends_once_more(bench: Bench) -> None:
    other = await bench.running(make_job("other"))
    first = await asleep(bench, WakeUp(RUN_ENDED, other.run_id))
    await bench.end(other, Move.FAIL, 5)
    [lease] = await bench.claim(6)
    await bench.store.resume(other.run_id, at(7), "", actor=PERSON)
    await bench.store.commit(lease, waiting(8, WakeUp(RUN_ENDED, other.run_id)))
    assert await states(bench, first) == [State.SLEEPING], "it is not over now"
    [other] = await bench.store.claim("r1", at(9), limit=1, lease_seconds=30, only=[other.run_id])
    await bench.end(other, Move.FINISH, 10)
    assert await states(bench, first) == [State.QUEUED]


async def test_a_parked_run_waits_too(bench: Bench) -> None:
    lease = await bench.running()
    await bench.store.commit(lease, parked(1, WakeUp(PUSH, "main"), WakeUp(Waking.DEADLINE, due=at(90))))
    await bench.store.take_event(push(60))
    run = await bench.run(lease.run_id)
    assert (run.state, run.reason) == (State.QUEUED, "")


# -- what it fires ----------------------------------------------------------------------------------
def on_push(name: str = "review", subject: str = "", **options: Any) -> Job:
    return make_job(name, OnEvent(PUSH, subject), **options)


async def test_an_event_fires_the_jobs_that_want_it(bench: Bench) -> None:
    await bench.load(on_push(), on_push("main", "ma*"), on_push("dev", "dev"), make_job())
    taken = await bench.store.take_event(push(60, "d1", payload="words"))
    assert [(run.job, run.state, run.cause, run.fire_time) for run in taken.fired] == [
        ("main", State.QUEUED, Cause(EVENT, "d1"), at(60)),
        ("review", State.QUEUED, Cause(EVENT, "d1"), at(60)),
    ]
    assert (await bench.store.take_event(push(61, "d1"))).fired == ()
    assert await bench.store.due_jobs(at(62)) == []
    [lease, _] = await bench.claim(62)
    woken = (await bench.checkpoint(lease)).woken
    assert woken is not None
    assert (woken.payload, woken.provenance) == ("words", "untrusted:repo")


async def test_a_fire_that_an_event_is_denied_is_on_record_with_its_reason(bench: Bench) -> None:
    await bench.load(on_push())
    await bench.store.take_event(push(60))
    [overlapped] = (await bench.store.take_event(push(61, "d2"))).fired
    assert (overlapped.state, overlapped.reason_code) == (State.SKIPPED, "overlap")
    await bench.store.pause("review", "why", at(62), actor=PERSON)
    [paused] = (await bench.store.take_event(push(63, "d3"))).fired
    assert (paused.state, paused.reason_code, paused.cause) == (State.SKIPPED, "paused", Cause(EVENT, "d3"))


async def test_events_without_a_key_fire_each_and_after_all_of_them_were_deleted_too(bench: Bench) -> None:
    await bench.load(on_push(overlap="allow"))
    for seconds in (60, 60, 40 * DAY):
        if seconds > DAY:
            await bench.store.prune(at(39 * DAY))
        [run] = (await bench.store.take_event(push(seconds))).fired
        assert run.state is State.QUEUED


async def test_a_job_that_listens_no_more_is_not_fired(bench: Bench) -> None:
    await bench.load(on_push())
    await bench.load(make_job("review"))
    assert (await bench.store.take_event(push(60))).fired == ()
    await bench.load(on_push())
    await bench.load()
    assert (await bench.store.take_event(push(61))).fired == ()


async def test_what_jobs_and_runs_wait_for_is_told_once_each(bench: Bench) -> None:
    paused, off = on_push("paused", "dev"), on_push("off", "off", enabled=False)
    job = make_job("fields", OnEvent(PUSH, "ma*", (("action", "opened,closed"),)))
    await bench.load(on_push(), on_push("again"), paused, off, job, make_job("tags", OnEvent("repo:tag")))
    await bench.store.pause("paused", "why", at(1), actor=PERSON)
    await asleep(bench, WakeUp(PUSH, "d1", deadline=at(900)), WakeUp(Waking.TIME, due=at(800)))
    await asleep(bench, WakeUp(PUSH, "d1"), seconds=3)
    woken = await asleep(bench, WakeUp(PUSH, "d2"), seconds=5)
    await bench.store.resume(woken, at(9), "", actor=PERSON)
    found = await bench.store.wanted_events([PUSH])
    assert sorted(found, key=lambda each: each.subject) == [
        Wanted(PUSH),
        Wanted(PUSH, "d1"),
        Wanted(PUSH, "dev"),
        Wanted(PUSH, "ma*", {"action": "opened,closed"}),
    ]
    assert await bench.store.wanted_events(["repo:tag"]) == [Wanted("repo:tag")]
    assert await bench.store.wanted_events([]) == []


@pytest.mark.parametrize(
    "options, wanted",
    [
        ((), True),
        ((("action", "opened, synchron*"),), True),
        ((("action", "closed"),), False),
        ((("x", "*"),), False),
    ],
)
def test_options_choose_by_the_fields_of_the_payload(
    options: tuple[tuple[str, str], ...], wanted: bool
) -> None:
    trigger = OnEvent(PUSH, "", options).to_json()
    assert is_wanted(trigger, push(1, payload='{"action": "synchronize"}')) is wanted
    for payload in ("", "[]", '"x"', "{", "[" * 10**5):
        assert is_wanted(trigger, push(1, payload=payload)) is (not options)


# -- how long it is kept ----------------------------------------------------------------------------
async def test_events_are_kept_a_month_or_as_long_as_they_say(bench: Bench) -> None:
    for key, days in (("default", None), ("short", 2), ("long", 90)):
        expires = None if days is None else at(days * DAY)
        await bench.store.take_event(push(0, key, expires=expires))
    await bench.store.take_event(push(0, "the newest"))
    for days, rows in ((1, 0), (3, 1), (32, 1), (91, 1)):
        now = at(0) + timedelta(days=days)
        assert (await bench.store.prunable(now)).rows == rows
        assert (await bench.store.prune(now)).rows == rows
    assert (await bench.store.take_event(push(91 * DAY, "long"))).recorded
