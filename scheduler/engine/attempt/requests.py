"""Call the model in one step: recorded before the request is sent, closed when it is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Message, Request
from scheduler.core.run.request_size import worst_usage
from scheduler.core.run.retry import BLIP_TRIES, blip_seconds, is_blip
from scheduler.core.run.step import Step
from scheduler.core.run.window import as_params
from scheduler.crash import crashpoint
from scheduler.engine.attempt.accounts import answered, close_failed, open_request
from scheduler.engine.attempt.begin import acts, planned
from scheduler.engine.attempt.live_text import LiveText
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.services import Services
from scheduler.errors import HaltedError, ModelFault
from scheduler.ports.model import Ask, Reply
from scheduler.ports.toolset import Toolbox


async def ask_model(
    services: Services, writer: RunWriter, tools: Toolbox, begin: Callable[[Step], Awaitable[Step]]
) -> None:
    """Send the conversation and commit the answer with its planned calls in one transaction.

    Args:
        begin: begins calls that may begin in that transaction.

    Raises:
        ModelFault: no usable answer; every request that was made is recorded as failed.
        CannotWorkError: the model is not available (no key).
        HaltedError: the home was halted; nothing was sent.
        OverBudgetError: there is no room for the request; it was not opened.
    """
    opened, reply = await _sent(services, writer)
    now, at = services.clock.now(), writer.checkpoint
    message = Message(
        seq=at.next_seq,
        role="assistant",
        content=reply.content,
        provenance="own",
        created_at=now,
        stop_reason=reply.stop_reason,
    )
    calls = planned(at.run.id, message, tools)
    step = Step(
        at=now,
        messages=(message,),
        planned=calls,
        external=tuple(call.id for call in calls if acts(call, tools)),
        closed=answered(opened, reply, now),
        new_step=True,
    )
    await writer.commit(await begin(step) if calls else step)


async def compact(services: Services, writer: RunWriter, covers: int) -> str:
    """Have the messages up to ``covers`` summarised, and commit the summary; return why there is none, or "".

    A failure loses nothing: the conversation is unchanged, and is sent as it is.

    Raises:
        ModelFault: as for ``ask_model``.
        CannotWorkError: likewise.
    """
    opened, reply = await _sent(services, writer, covers)
    now = services.clock.now()
    closed = answered(opened, reply, now)
    if reply.stop_reason == "compaction" and reply.content:
        closed = replace(closed, summary=reply.content[0])
    else:
        closed = replace(closed, error=f"no summary came of it ({reply.stop_reason})")
    await writer.commit(Step(at=now, closed=closed))
    return closed.error


async def _sent(services: Services, writer: RunWriter, covers: int | None = None) -> tuple[Request, Reply]:
    """Send one request, with a few retries, each on record; return the one that was answered."""
    frame = writer.checkpoint.frame
    assert frame is not None, "the first step pins the frame"
    model = services.model_for(frame.model)

    async def once() -> tuple[Request, Reply]:
        checkpoint = writer.checkpoint
        if (reason := services.halted()) is not None:
            raise HaltedError(f"halted: {reason}")
        worst = worst_usage(checkpoint, services.settings.max_tokens)
        opened = await open_request(services, writer, frame.model, worst, covers)
        crashpoint("W3")
        messages = (
            checkpoint.messages if covers is None else [m for m in checkpoint.messages if m.seq <= covers]
        )
        ask = Ask(
            model=frame.model,
            system=frame.system,
            tools=frame.tools,
            messages=as_params(checkpoint.summary, messages),
            max_tokens=services.settings.max_tokens,
            compact=covers is not None,
        )
        if (reason := services.halted()) is not None:
            await close_failed(services, writer, opened, f"halted before it was sent: {reason}")
            raise HaltedError(f"halted: {reason}")
        live = LiveText(checkpoint.run, services.move_log, writer.secrets)

        def on_text(delta: str) -> None:
            crashpoint("W4")
            if covers is None:
                live.feed(delta)

        try:
            reply = await model.ask(ask, on_text=on_text)
            _refuse_known_ids(checkpoint, reply)
        except ModelFault as fault:
            await close_failed(services, writer, opened, fault.message, fault.request_id)
            raise
        finally:
            live.end()
        crashpoint("W5")
        return opened, reply

    # A retry is a new request, billed again: few, soon, and each with its own row.
    blips = AsyncRetrying(
        sleep=services.clock.sleep,
        stop=stop_after_attempt(BLIP_TRIES),
        wait=_wait,
        retry=retry_if_exception(lambda error: isinstance(error, ModelFault) and is_blip(error)),
        reraise=True,
    )
    return await blips(once)


def _refuse_known_ids(checkpoint: Checkpoint, reply: Reply) -> None:
    """Refuse an answer with call ids that are duplicates, of each other or of those just answered.

    Some gateways number the calls of every answer from the start.  Such a conversation could not be sent
    back.

    Raises:
        ModelFault: an id was used before.
    """
    known = {call.id for call in checkpoint.calls}
    for block in reply.content:
        if block.get("type") == "tool_use":
            if block["id"] in known:
                raise ModelFault(f"two calls have the id {block['id']}", kind="unknown")
            known.add(block["id"])


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, ModelFault)
    return blip_seconds(error, state.attempt_number)
