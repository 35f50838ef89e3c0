"""The desk: by it a backend acts whose agent runs its calls itself.

Each call passes the same gates as one of ours: its arguments fit, the judge lets it begin, the daily log has
it, and ``started`` is on the disk, all before the backend is told that it may.  A call that had begun when a
process died is never allowed a second time, unless its effect class says that repeating it is harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run import turn
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Call, CallState, Message, Request, Usage
from scheduler.core.run.run import State
from scheduler.core.run.step import CallResult, Step
from scheduler.core.run.turn import Park, limits_of
from scheduler.core.trust.effect import Effect, call_key
from scheduler.crash import crashpoint
from scheduler.engine.attempt import messages, rests
from scheduler.engine.attempt.accounts import price_of
from scheduler.engine.attempt.calls import INTERRUPTED, clean
from scheduler.engine.attempt.controls import decide_calls, ended
from scheduler.engine.attempt.decisions import Docket, facts, hear, recounted, stains
from scheduler.engine.attempt.pins import is_changed, new_frame
from scheduler.engine.attempt.requests import acts
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.schema import wrong_arguments
from scheduler.engine.services import Kit
from scheduler.errors import ConfigError, FactsChangedError
from scheduler.ports.backend import Allowed, Answered, DeskAnswer, ForeignCall, Rested
from scheduler.ports.tool import End, InsideTool, ToolAnswer, ToolSpec
from scheduler.ports.toolset import Toolbox

REPEATABLE = (Effect.PURE, Effect.KEYED)


class RunDesk:
    """The desk of one claimed run; implements `scheduler.ports.backend.Desk`."""

    def __init__(self, kit: Kit, writer: RunWriter, toolbox: Toolbox) -> None:
        self.kit, self.writer, self.toolbox = kit, writer, toolbox
        self._limits = limits_of(writer.checkpoint.job)

    @property
    def checkpoint(self) -> Checkpoint:
        """The run as it stands."""
        return self.writer.checkpoint

    @property
    def tools(self) -> Mapping[str, ToolSpec]:
        """What the tools of the run declare."""
        return {name: tool.spec for name, tool in self.toolbox.items()}

    @property
    def doubtful(self) -> tuple[Call, ...]:
        """Calls that had begun when a process died."""
        return tuple(call for call in self.checkpoint.calls if call.state is CallState.STARTED)

    async def heard(self, text: str, provenance: str = "own") -> None:
        """Record what the agent is told."""
        self._require_no_open_call()
        # Nothing of it is sent: this agent has its own system prompt.  It pins what the tools declare.
        frame = None if self.checkpoint.frame else new_frame(self.checkpoint, "", self.toolbox)
        message = self._message("user", {"type": "text", "text": text}, provenance)
        await self._write(message, told=True, frame=frame)

    async def said(self, text: str) -> None:
        """Record what the agent said."""
        self._require_no_open_call()
        await self._write(self._message("assistant", {"type": "text", "text": text}, "own"), new_step=True)

    async def begin(self, call: ForeignCall) -> DeskAnswer:
        """Judge a call, and record that it begins.

        Raises:
            DayLogError: the daily log cannot be written, so the call must not begin.
            ValueError: another call is open; a backend asks for one at a time.
        """
        known = next((each for each in self.checkpoint.calls if each.id == call.id), None)
        if known is None:
            self._require_no_open_call()
            known = await self._plan(call)
        elif known.is_closed:
            return _answer_of(known)
        elif known.state is CallState.WAITING:
            return await self._wake(known)
        tool = self.toolbox.get(known.name)
        is_as_pinned = tool is not None and not is_changed(self.checkpoint.frame, tool)
        if tool is not None and is_as_pinned and (wrong := wrong_arguments(tool.spec.schema, known.args)):
            return await self._close(known, f"{known.name}: {wrong}", is_error=True)
        try:
            if isinstance(tool, InsideTool):
                return await self._inside(known)
            return await self._judge(known)
        except FactsChangedError:
            await self.writer.look_again(self.kit.clock.now())
            return await self.begin(call)
        except ConfigError as error:
            await rests.park(self.kit, self.writer, Park(ReasonCode.TRUST, error.message))
            return Rested()

    async def record(self, call_id: str, result: ToolAnswer, *, is_error: bool = False) -> None:
        """Record what became of a call that had begun."""
        call = self._open(call_id)
        tool = self.toolbox.get(call.name)
        label = tool.spec.provenance if tool is not None else "untrusted:unlabelled"
        crashpoint("W10")
        await self._close(call, result, is_error=is_error, label=label)

    async def lose(self, call_id: str) -> ToolAnswer:
        """Record that nobody knows whether a call happened; return what the agent is told of it."""
        await self._close(self._open(call_id), INTERRUPTED, state=CallState.UNKNOWN)
        return INTERRUPTED

    async def used(self, usage: Usage, cost_microusd: int | None) -> bool:
        """Count what a request has cost; false when the run has spent what it may, and rests now."""
        now, checkpoint = self.kit.clock.now(), self.checkpoint
        cost, is_assumed = price_of(self.kit, checkpoint.job.model, usage, cost_microusd)
        sent = Request(checkpoint.requests + 1, checkpoint.run.epoch, checkpoint.job.model, now)
        answered = replace(
            sent,
            state="answered",
            ended_at=now,
            usage=usage,
            tokens=usage.tokens,
            cost_microusd=cost,
            cost_assumed=is_assumed,
        )
        await self.writer.commit(Step(at=now, opened=sent, closed=answered))
        over = turn.over(self.checkpoint, self._limits)
        if isinstance(over, Park):
            await rests.park(self.kit, self.writer, over)
        elif over is not None:
            await rests.fail(self.kit, self.writer, over.code, over.reason)
        return over is None

    async def end(self, summary: str, outcome: Literal["done", "nothing_to_do", "failed"] = "done") -> None:
        """End the run."""
        self._require_no_open_call()
        await self.writer.commit(ended(self.checkpoint, End(summary, outcome), Step(at=self.kit.clock.now())))

    # -- one call ---------------------------------------------------------------------------------
    async def _plan(self, call: ForeignCall) -> Call:
        tool = self.toolbox.get(call.name)
        effect = Effect.PURE if tool is None or isinstance(tool, InsideTool) else tool.spec.effect
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.args)}
        message = self._message("assistant", block, "own", "tool_use")
        planned = Call(
            id=call.id,
            message_seq=message.seq,
            position=0,
            name=call.name,
            args=dict(call.args),
            effect=effect,
            key=call_key(self.checkpoint.run.id, call.id),
        )
        external = (call.id,) if acts(planned, self.toolbox) else ()
        await self._write(message, planned=(planned,), external=external, new_step=True)
        return planned

    async def _judge(self, call: Call) -> DeskAnswer:
        known = await facts(self.kit, self.checkpoint)
        is_doubtful = call.state is CallState.STARTED
        known = recounted(known, [call]) if is_doubtful else known
        docket = hear(self.kit, self.checkpoint, self.toolbox, [call], known)
        if is_doubtful and not (docket.allowed and call.effect in REPEATABLE):
            return Answered(await self.lose(call.id), is_error=True)
        if docket.refused:
            [refused] = docket.refused
            return await self._close(call, refused.content, is_error=True, rule=refused.rule, docket=docket)
        if not docket.allowed:
            await self._rest(docket)
            return Rested()
        may_act = acts(call, self.toolbox)
        if may_act:
            await self.kit.daylog.sync()
            crashpoint("log")
        if is_doubtful:
            await self.writer.commit(Step(at=self.kit.clock.now(), again=(call.id,)))
        else:
            await self._start(call, docket, may_act=may_act)
        reach = docket.reach[call.id]
        return Allowed(call.key, reach.hosts, reach.network)

    async def _start(self, call: Call, docket: Docket, *, may_act: bool) -> None:
        checkpoint = self.checkpoint
        await self.writer.commit(
            Step(
                at=self.kit.clock.now(),
                started=(call.id,),
                rules=docket.rules,
                marks=docket.marks,
                guards=docket.guards(checkpoint.job.workdir if may_act else None),
                changes=(*docket.changes(), *stains(checkpoint, docket, self.toolbox)),
            )
        )

    async def _inside(self, call: Call) -> DeskAnswer:
        decided = await decide_calls(self.kit, self.writer, self.toolbox, [call])
        if isinstance(decided, Docket):
            await self._rest(decided)
            return Rested()
        if decided.move is None:
            calls = self.checkpoint.apply(decided).calls
            answer = messages.answer_message(self.checkpoint, calls, decided.at)
            decided = replace(decided, messages=(answer,))
        await self.writer.commit(decided)
        if self.checkpoint.run.state is not State.RUNNING:
            return Rested()
        return _answer_of(self._known(call.id))

    async def _wake(self, call: Call) -> DeskAnswer:
        now = self.kit.clock.now()
        await self.writer.commit(messages.answer(self.checkpoint, self._limits, (call,), now))
        return _answer_of(self._known(call.id))

    async def _rest(self, docket: Docket) -> None:
        await rests.wait_for_another(self.kit, self.writer, docket)

    async def _close(
        self,
        call: Call,
        content: ToolAnswer,
        *,
        is_error: bool = False,
        state: CallState | None = None,
        label: str = "own",
        rule: str = "",
        docket: Docket | None = None,
    ) -> Answered:
        """Write the result of a call, and the message that answers it, in one commit."""
        now = self.kit.clock.now()
        hidden = clean(self.writer.secrets.hidden(content))
        end = state or (CallState.FAILED if is_error else CallState.DONE)
        result = CallResult(call.id, end, hidden, label, rule)
        step = Step(at=now, results=(result,), changes=() if docket is None else docket.changes(), told=True)
        answer = messages.answer_message(self.checkpoint, self.checkpoint.apply(step).calls, now)
        await self.writer.commit(replace(step, messages=(answer,)))
        return Answered(hidden, is_error=end is not CallState.DONE)

    # -- messages ---------------------------------------------------------------------------------
    def _message(
        self,
        role: Literal["user", "assistant"],
        block: dict[str, Any],
        provenance: str,
        stop_reason: str | None = None,
    ) -> Message:
        if role == "assistant" and stop_reason is None:
            stop_reason = "end_turn"
        now = self.kit.clock.now()
        return Message(self.checkpoint.next_seq, role, (block,), provenance, now, stop_reason)

    async def _write(self, message: Message, **more: Any) -> None:
        await self.writer.commit(Step(at=message.created_at, messages=(message,), **more))

    def _known(self, call_id: str) -> Call:
        return next(call for call in self.checkpoint.calls if call.id == call_id)

    def _open(self, call_id: str) -> Call:
        call = next((each for each in self.checkpoint.calls if each.id == call_id), None)
        if call is None or call.state is not CallState.STARTED:
            raise ValueError(f"the call {call_id} has not begun")
        return call

    def _require_no_open_call(self) -> None:
        still_open = [call.id for call in self.checkpoint.calls if not call.is_closed]
        if still_open:
            raise ValueError(f"the call {still_open[0]} is open; a backend asks for one at a time")


def _answer_of(call: Call) -> Answered:
    result = call.result if call.result is not None else ""
    return Answered(result, is_error=call.state in (CallState.FAILED, CallState.UNKNOWN))
