"""The rows of the outbox."""

from __future__ import annotations

from scheduler.core.run.notice import Notice
from scheduler.testing.conformance.store.bench import NOON, Bench
from tests.contract.sqlite.rows import select
from tests.contract.sqlite.test_restore import RESTORE, restore
from tests.contract.test_store_outbox import send


async def test_a_notice_about_the_daemon_has_neither_run_nor_job(bench: Bench) -> None:
    await bench.store.queue_notice(Notice("push", "topic", "x"), NOON)
    assert select(bench, "SELECT run_id, job FROM outbox") == [(None, "")]


async def test_what_is_sent_keeps_its_receipt(bench: Bench) -> None:
    await bench.store.queue_notice(Notice("push", "topic", "x"), NOON)
    await send(bench, 1)
    assert select(bench, "SELECT state, receipt FROM outbox") == [("sent", "m1")]


async def test_a_restored_backup_holds_notices_about_no_run_too(bench: Bench) -> None:
    await bench.store.queue_notice(Notice("push", "topic", "x"), NOON)
    assert (await restore(bench)).held == ()
    assert await bench.store.take_notices("r1", RESTORE, 9) == []
    assert select(bench, "SELECT state FROM outbox") == [("given_up",)]
