"""The reporter: sends what lies in the outbox, at least once, and records what became of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from scheduler.crash import crashpoint
from scheduler.engine.services import Kit
from scheduler.errors import CannotWorkError, DayLogError
from scheduler.host.child import clean_env, run_child
from scheduler.ports.store import Pending

log = logging.getLogger("agentcron")

MOST_TRIES = 5
BATCH = 16


async def send_notices(kit: Kit, runner: str) -> int:
    """Send what is due; return how many were taken."""
    if kit.halted() is not None:
        return 0
    pending = await kit.store.take_notices(runner, kit.clock.now(), BATCH)
    if pending:
        try:
            # A report is a command: that it is about to run stands in the log before it does.
            await kit.daylog.sync()
        except DayLogError as fault:
            now = kit.clock.now()
            again = now + timedelta(seconds=kit.settings.soon_seconds)
            for notice in pending:
                await kit.store.settle_notice(notice.id, now, fault.message, again, tried=False)
            log.error("reports wait: %s", fault, extra={"event": "log.failed"})
            return 0
    for notice in pending:
        if kit.halted() is not None:
            # It was taken already, and goes back: it is due again at once, when everything goes on.
            now = kit.clock.now()
            await kit.store.settle_notice(notice.id, now, "halted before it was sent", now, tried=False)
            continue
        send = SENDERS.get(notice.notice.kind)
        error = await send(kit, notice) if send else f"no sender is known for a {notice.notice.kind!r} notice"
        # A crash here sends the notice once more, with the same id: the receiver can tell.
        crashpoint("sent")
        now = kit.clock.now()
        retry_at = None
        if error and send and notice.tries < MOST_TRIES:
            retry_at = now + timedelta(seconds=60 * 4 ** (notice.tries - 1))
        await kit.store.settle_notice(notice.id, now, error, retry_at)
        if error:
            log.warning(
                "run %s: its report was not sent: %s",
                notice.run_id,
                error,
                extra={"event": "notice.failed", "run": notice.run_id},
            )
    return len(pending)


async def _run_report(kit: Kit, pending: Pending) -> str:
    """Hand a notice to the owner's command; return why that did not work, or an empty text."""
    run = await kit.store.run(pending.run_id)
    env = clean_env(
        {
            "AGENTCRON_RUN": pending.run_id,
            "AGENTCRON_JOB": pending.job,
            "AGENTCRON_STATE": run.state.value if run else "unknown",
            "AGENTCRON_NOTICE": str(pending.id),
            "PYTHONSAFEPATH": "1",
        }
    )
    try:
        result = await run_child(
            pending.notice.target,
            cwd="/",
            env=env,
            stdin=pending.notice.body,
            timeout_seconds=kit.settings.report_seconds,
            output_bytes=4_000,
        )
    except CannotWorkError as error:
        return error.message
    if result.timed_out:
        return f"the report command took longer than {kit.settings.report_seconds:g} s"
    if result.exit_code != 0:
        return f"the report command ended with status {result.exit_code}"
    return ""


SENDERS: dict[str, Callable[[Kit, Pending], Awaitable[str]]] = {"report": _run_report}
"""By the kind of a notice, who sends it; each returns what was wrong, or an empty text.

A kind that is not here (written by a newer version, perhaps) is given up at once: its target is no command,
and waiting would not change that.
"""
