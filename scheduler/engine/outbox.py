"""The reporter: send the notices of the outbox, at least once, and record the results."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from scheduler.crash import crashpoint
from scheduler.engine.services import Services
from scheduler.errors import ConfigError, DayLogError, SendFault
from scheduler.ports.sender import Receipt, SendContext
from scheduler.ports.store.outbox import Pending

log = logging.getLogger("agentcron")

MAX_TRIES = 5
BATCH = 16

GRACE_SECONDS = 10.0
"""How much longer than its limit a sender may take to stop."""


async def send_notices(services: Services, runner: str) -> int:
    """Send due notices; return how many were claimed."""
    if services.halted() is not None:
        return 0
    pending = await services.store.take_notices(runner, services.clock.now(), BATCH)
    if pending:
        try:
            # A sender acts outside: its start is recorded in the log before.
            await services.daylog.sync()
        except DayLogError as fault:
            now = services.clock.now()
            again = now + timedelta(seconds=services.settings.soon_seconds)
            for notice in pending:
                await services.store.settle_notice(notice.id, now, fault.message, again, tried=False)
            log.error("reports wait: %s", fault, extra={"event": "log.failed"})
            return 0
    for notice in pending:
        if services.halted() is not None:
            # It was taken already, and goes back: it is due again at once after the halt.
            now = services.clock.now()
            await services.store.settle_notice(notice.id, now, "halted before it was sent", now, tried=False)
            continue
        await _send(services, notice)
    return len(pending)


async def _send(services: Services, pending: Pending) -> None:
    """Try to send a notice, and record the result."""
    outcome = await _hand_over(services, pending)
    # After a crash here the notice is sent again, with the same id, by which the receiver can recognise it.
    crashpoint("sent")
    now = services.clock.now()
    if isinstance(outcome, Receipt):
        reference = services.secrets.hidden(outcome.reference)
        await services.store.settle_notice(pending.id, now, "", None, receipt=reference)
        return
    error, retry_at = services.secrets.hidden(outcome.message), None
    if not outcome.permanent and pending.tries < MAX_TRIES:
        retry_at = now + timedelta(seconds=60 * 4 ** (pending.tries - 1))
    if retry_at and pending.notice.expires_at and retry_at >= pending.notice.expires_at:
        retry_at = None
        error += ", and it expires before another try"
    await services.store.settle_notice(pending.id, now, error, retry_at)
    what = "report" if pending.notice.kind == "report" else f"{pending.notice.kind} notice"
    about = (
        f"run {pending.run_id}: its" if pending.run_id else f"job {pending.job}: a" if pending.job else "a"
    )
    extra = {"event": "notice.failed"} | ({"run": pending.run_id} if pending.run_id else {})
    log.warning("%s %s was not sent: %s", about, what, error, extra=extra)


async def _hand_over(services: Services, pending: Pending) -> Receipt | SendFault:
    """Pass a notice to the sender of its kind; return its receipt, or the error."""
    kind = pending.notice.kind
    try:
        sender = services.sender_for(kind)
    except ConfigError as error:
        # A plug-in may be being replaced.
        return SendFault(error.message)
    if sender is None:
        # Perhaps written by a newer version.  Its target is not a command, and waiting would not change that.
        return SendFault(f"no sender is known for a {kind!r} notice", permanent=True)
    state = ""
    if pending.run_id:
        run = await services.store.run(pending.run_id)
        state = run.state.value if run else "unknown"
    seconds = services.settings.report_seconds
    context = SendContext(
        id=str(pending.id),
        run_id=pending.run_id,
        job=pending.job,
        state=state,
        tries=pending.tries,
        timeout_seconds=seconds,
    )
    try:
        # The sender may enforce the limit itself with a better message; one that does not is cancelled.
        async with asyncio.timeout(seconds + GRACE_SECONDS) as limit:
            receipt = await sender.send(pending.notice, context)
    except SendFault as fault:
        return fault
    except Exception as error:
        if limit.expired():
            return SendFault(f"the sender took longer than {seconds:g} s")
        log.exception("notice %s: the sender of %r notices broke", pending.id, kind)
        return SendFault(f"the sender broke: {type(error).__name__}: {error}")
    if not isinstance(receipt, Receipt):
        # Some libraries return False for a failure, and a plug-in may pass that on.
        return SendFault(f"the sender gave {receipt!r} in place of a receipt")
    return receipt
