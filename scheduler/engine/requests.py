"""Requests: one step that calls the model, recorded before it is sent and closed when it is answered."""

from __future__ import annotations

from dataclasses import replace

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from scheduler.core.budget import assumed_microusd
from scheduler.core.checkpoint import Checkpoint, Step
from scheduler.core.conversation import Call, CallState, Message, Request
from scheduler.core.effect import Effect, call_key
from scheduler.core.retry import BLIP_TRIES, blip_seconds, is_blip
from scheduler.engine.commits import Progress
from scheduler.engine.kit import Kit, Toolbox
from scheduler.errors import ModelFault
from scheduler.faults import crashpoint
from scheduler.ports.model import Ask, Reply
from scheduler.ports.tool import ControlTool


async def ask_model(kit: Kit, progress: Progress, tools: Toolbox) -> None:
    """Send the conversation and commit the answer with its planned calls in one transaction.

    Raises:
        ModelFault: no usable answer; every request that was made is recorded as failed.
        CannotWorkError: there is no way to the model (no key).
    """
    frame = progress.at.frame
    assert frame is not None, "the first step pins the frame"
    model = kit.model_for(frame.model)

    async def once() -> None:
        at = progress.at
        opened = Request(
            number=at.requests + 1, attempt=at.run.epoch, model=frame.model, started_at=kit.clock.now()
        )
        await progress.commit(Step(at=opened.started_at, opened=opened))
        crashpoint("W3")
        ask = Ask(
            model=frame.model,
            system=frame.system,
            tools=frame.tools,
            messages=[message.as_param() for message in at.messages],
            max_tokens=kit.settings.max_tokens,
        )
        try:
            reply = await model.ask(ask, on_text=lambda _: crashpoint("W4"))
            _refuse_known_ids(at, reply)
        except ModelFault as fault:
            now = kit.clock.now()
            failed = replace(
                opened, state="failed", ended_at=now, request_id=fault.request_id, error=fault.message
            )
            await progress.commit(Step(at=now, closed=failed))
            raise
        crashpoint("W5")
        await _commit_reply(kit, progress, tools, opened, reply)

    # A retry is a new request, billed again: few, short, and each with its own row.
    blips = AsyncRetrying(
        sleep=kit.clock.sleep,
        stop=stop_after_attempt(BLIP_TRIES),
        wait=_wait,
        retry=retry_if_exception(lambda error: isinstance(error, ModelFault) and is_blip(error)),
        reraise=True,
    )
    await blips(once)


def _refuse_known_ids(at: Checkpoint, reply: Reply) -> None:
    """Refuse an answer whose calls cannot be told apart, from each other or from those just answered.

    Some gateways number the calls of every answer anew.  Such a conversation could not be sent back.

    Raises:
        ModelFault: an id came before.
    """
    known = {call.id for call in at.calls}
    for block in reply.content:
        if block.get("type") == "tool_use":
            if block["id"] in known:
                raise ModelFault(f"two calls have the id {block['id']}", kind="unknown")
            known.add(block["id"])


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, ModelFault)
    return blip_seconds(error, state.attempt_number)


async def _commit_reply(kit: Kit, progress: Progress, tools: Toolbox, opened: Request, reply: Reply) -> None:
    now = kit.clock.now()
    at = progress.at
    seq = len(at.messages) + 1
    message = Message(
        seq=seq,
        role="assistant",
        content=reply.content,
        provenance="own",
        created_at=now,
        stop_reason=reply.stop_reason,
    )
    answered = replace(
        opened,
        state="answered",
        ended_at=now,
        request_id=reply.request_id,
        stop_reason=reply.stop_reason,
        usage=reply.usage,
        # Without a price a budget would hold nothing: then it caps tokens.
        cost_microusd=assumed_microusd(reply.usage) if reply.cost_microusd is None else reply.cost_microusd,
        cost_assumed=reply.cost_microusd is None,
    )
    planned = tuple(
        _plan(at.run.id, seq, position, block, tools)
        for position, block in enumerate(b for b in reply.content if b.get("type") == "tool_use")
    )
    await progress.commit(Step(at=now, messages=(message,), planned=planned, closed=answered, new_step=True))


def _plan(run_id: str, seq: int, position: int, block: object, tools: Toolbox) -> Call:
    assert isinstance(block, dict)
    call_id, name = str(block["id"]), str(block["name"])
    known = tools.get(name)
    # A tool that is not there cannot act, so asking it again is harmless.
    effect = known.spec.effect if known is not None else Effect.PURE
    if isinstance(known, ControlTool):
        effect = Effect.PURE
    args = block.get("input")
    return Call(
        id=call_id,
        message_seq=seq,
        position=position,
        name=name,
        args=args if isinstance(args, dict) else {},
        effect=effect,
        key=call_key(run_id, call_id),
        state=CallState.PLANNED,
    )
