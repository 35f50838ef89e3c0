"""Rows of the outbox: whom they are about, what keeps one from being written twice, and when they end."""

from __future__ import annotations

import json

import pytest

from scheduler.core.changes.notify import Notify
from scheduler.core.run.notice import Notice
from scheduler.core.run.run import Move
from scheduler.core.run.step import Step
from scheduler.ports.store.outbox import Pending
from scheduler.testing.conformance.store.bench import NOON, Bench, at

DAY = 86_400.0


def keyed(body: str = "The disk is full.", *, kind: str = "push", until: float | None = None) -> Notice:
    """Return a notice with a key."""
    end = None if until is None else at(until)
    return Notice(kind, "topic", body, dedupe_key="disk", dedupe_until=end)


async def take(bench: Bench, seconds: float) -> list[Pending]:
    return await bench.store.take_notices("r1", at(seconds), 9)


async def send(bench: Bench, seconds: float, error: str = "") -> None:
    """Take the one notice that is due, and record what became of it for good."""
    [pending] = await take(bench, seconds)
    await bench.store.settle_notice(pending.id, at(seconds), error, None, receipt="m1")


async def test_a_notice_comes_out_as_it_was_put_in(bench: Bench) -> None:
    full = Notice(
        "push",
        "topic",
        "Body: 🛰\r\n",
        title="Tïtle",
        urgency="high",
        dedupe_key="key",
        dedupe_until=at(60),
        attachments=("a b.png", "ü"),
        expires_at=at(90),
    )
    assert await bench.store.queue_notice(full, NOON, "brief")
    [pending] = await take(bench, 1)
    assert pending.notice == full
    assert (pending.run_id, pending.job, pending.tries) == ("", "brief", 1)


async def test_what_no_column_holds_is_replaced_and_stops_nothing(bench: Bench) -> None:
    await bench.store.queue_notice(Notice("push", "t", "a\0b\ud800", attachments=("\ud800",)), NOON)
    [pending] = await take(bench, 1)
    assert (pending.notice.body, pending.notice.attachments) == ("a?b?", ("\ud800",))


async def test_a_notice_about_the_daemon_has_neither_run_nor_job(bench: Bench) -> None:
    await bench.store.queue_notice(Notice("push", "topic", "x"), NOON)
    [pending] = await take(bench, 1)
    assert (pending.run_id, pending.job) == ("", "")


async def test_a_notice_that_goes_back_untried_has_used_up_no_try(bench: Bench) -> None:
    await bench.store.queue_notice(Notice("push", "topic", "x"), NOON)
    [pending] = await take(bench, 1)
    await bench.store.settle_notice(pending.id, at(1), "halted", at(2), tried=False)
    [pending] = await take(bench, 2)
    assert pending.tries == 1
    await bench.store.settle_notice(pending.id, at(3), "no route", at(4))
    [pending] = await take(bench, 4)
    assert pending.tries == 2


# -- keys -----------------------------------------------------------------------------------------
async def test_while_one_waits_another_with_its_key_is_not_written(bench: Bench) -> None:
    assert await bench.store.queue_notice(keyed(), NOON, "brief")
    assert not await bench.store.queue_notice(keyed("Still full."), at(1), "other")
    [pending] = await take(bench, 2)
    assert not await bench.store.queue_notice(keyed(), at(3)), "nor while it is out"
    await bench.store.settle_notice(pending.id, at(4), "no route", at(60))
    assert not await bench.store.queue_notice(keyed(), at(5)), "nor while it waits for another try"


async def test_a_key_holds_from_the_sending_until_its_end(bench: Bench) -> None:
    await bench.store.queue_notice(keyed(until=60), NOON)
    await send(bench, 1)
    assert not await bench.store.queue_notice(keyed(), at(59))
    assert await bench.store.queue_notice(keyed(), at(60)), "the next window"
    assert not await bench.store.queue_notice(keyed(), at(61)), "which the new one holds"
    await send(bench, 62)
    assert not await bench.store.queue_notice(keyed(), at(9 * DAY)), "for as long as it is kept"


async def test_one_that_waits_holds_its_key_beyond_its_window(bench: Bench) -> None:
    await bench.store.queue_notice(keyed(until=60), NOON)
    assert not await bench.store.queue_notice(keyed(), at(61))


async def test_one_that_was_given_up_keeps_nobody_from_trying_again(bench: Bench) -> None:
    await bench.store.queue_notice(keyed(until=DAY), NOON)
    await send(bench, 1, "no such topic")
    assert await bench.store.queue_notice(keyed(until=DAY), at(2))
    with bench.history() as history:
        assert history.backlog(at(2)).outbox == {"waiting": 1, "taken": 0}


async def test_a_key_is_one_of_its_kind_and_none_is_none(bench: Bench) -> None:
    assert await bench.store.queue_notice(keyed(), NOON)
    assert await bench.store.queue_notice(keyed(kind="mail"), NOON)
    for _ in range(2):
        assert await bench.store.queue_notice(Notice("push", "topic", "x"), NOON)


async def test_a_step_writes_a_key_once(bench: Bench) -> None:
    lease = await bench.running()
    told = (keyed(), keyed(), Notice("push", "topic", "x"))
    step = Step(at=at(1), move=Move.FINISH, changes=tuple(map(Notify, told)))
    await bench.store.commit(lease, step)
    written = [(each.run_id, each.notice.dedupe_key) for each in await take(bench, 2)]
    assert written == [(lease.run_id, "disk"), (lease.run_id, "")]


async def test_two_stores_that_write_a_key_write_it_once(bench: Bench) -> None:
    other = await bench.open_more("b")
    assert [await store.queue_notice(keyed(), NOON) for store in (bench.store, other)] == [True, False]


# -- ends -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("failed", ["", "no route"])
async def test_a_notice_that_has_expired_is_given_up_and_not_handed_out(bench: Bench, failed: str) -> None:
    await bench.store.queue_notice(Notice("push", "topic", "Soon!", expires_at=at(60)), NOON)
    if failed:
        [pending] = await take(bench, 1)
        await bench.store.settle_notice(pending.id, at(1), failed, at(60))
    await bench.store.queue_notice(Notice("push", "topic", "Later.", expires_at=at(61)), NOON)
    [pending] = await take(bench, 60)
    assert pending.notice.body == "Later."
    error = "no route, and it expired" if failed else "it expired"
    with bench.database.audit() as audit:
        assert [each.error for each in audit.unsent(NOON)] == [error]
    with bench.database.records() as records:
        tried = [json.loads(each.body)["notice"] for each in records.after(0) if each.kind == "report"]
    assert tried == ([1, 2] if failed else [2]), "what is not tried is not recorded as a try"


async def test_notices_about_no_run_are_forgotten_a_month_after_they_were_sent(bench: Bench) -> None:
    await bench.store.queue_notice(Notice("push", "topic", "sent"), NOON)
    await send(bench, 1)
    await bench.store.queue_notice(keyed("held", until=40 * DAY), NOON)
    await send(bench, 2)
    await bench.store.queue_notice(Notice("push", "topic", "waits"), NOON)
    assert (await bench.store.prune(at(31 * DAY))).rows == 0
    assert (await bench.store.prunable(at(31 * DAY + 1))).rows == 1
    assert (await bench.store.prune(at(31 * DAY + 1))).rows == 1
    [pending] = await take(bench, 31 * DAY + 2)
    assert pending.notice.body == "waits"
    assert (await bench.store.prune(at(72 * DAY))).rows == 1
