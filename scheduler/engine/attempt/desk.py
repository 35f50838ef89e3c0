"""The desk: the interface of a backend whose agent executes its calls itself.

Each call passes the same checks as one of our loop: its arguments are valid, the judge allows it, the daily
log has it, and ``started`` is on the disk, all before the backend may act.  A call that had started when a
process died is never allowed a second time, unless its effect class allows it to be repeated.

Requests of a foreign loop may come twice, concurrently, or late: each method holds one lock, an id is begun
once in an attempt, and nothing begins after the run has stopped running or the attempt must stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from scheduler.core.record import canonical
from scheduler.core.run.budget import assumed_microusd
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Call, CallState, Message, Request, Usage
from scheduler.core.run.run import State
from scheduler.core.run.step import CallResult, Step
from scheduler.core.run.turn import limits_of
from scheduler.core.run.wake_note import resume_note
from scheduler.core.run.wakeup import Waking
from scheduler.core.text.capped import sendable, sendable_json
from scheduler.engine.attempt import messages, rests
from scheduler.engine.attempt.accounts import price_of, rest_when_spent
from scheduler.engine.attempt.arguments import refusal
from scheduler.engine.attempt.begin import (
    INTERRUPTED,
    REPEATABLE,
    acts,
    begin_again,
    begin_calls,
    is_stopped,
    planned,
    record,
)
from scheduler.engine.attempt.calls import clean
from scheduler.engine.attempt.controls import control_calls, ended
from scheduler.engine.attempt.decisions import Decisions
from scheduler.engine.attempt.failures import Doing
from scheduler.engine.attempt.live_text import LiveText
from scheduler.engine.attempt.opening import open_run
from scheduler.engine.attempt.transcripts import Transcript
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.services import Services
from scheduler.errors import AgentcronError, ConfigError
from scheduler.ports.backend import Allowed, Answered, DeskAnswer, ForeignCall, Rested
from scheduler.ports.tool import End, InsideTool, ToolAnswer, ToolSpec
from scheduler.ports.toolset import Toolbox

UNDER_WAY = "This call is under way already, and was not begun a second time."


class RunDesk:
    """The desk of one claimed run; implements `scheduler.ports.backend.Desk`.

    Args:
        must_stop: whether the attempt must stop.
    """

    def __init__(
        self,
        services: Services,
        writer: RunWriter,
        toolbox: Toolbox,
        must_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.services, self.writer, self.toolbox = services, writer, toolbox
        self._must_stop = must_stop
        self._limits = limits_of(writer.checkpoint.job)
        self._transcript = Transcript(services, writer)
        self._live: LiveText | None = None
        self.writer.follow = self._with_message
        self._lock = asyncio.Lock()
        self._begun: set[str] = set()
        """Calls of this attempt that are under way."""

    @property
    def checkpoint(self) -> Checkpoint:
        """The run at present."""
        return self.writer.checkpoint

    @property
    def tools(self) -> Mapping[str, ToolSpec]:
        """The specs of the run's tools."""
        return {name: tool.spec for name, tool in self.toolbox.items()}

    @property
    def doubtful(self) -> tuple[Call, ...]:
        """Calls that had started when a process died."""
        started = (call for call in self.checkpoint.calls if call.state is CallState.STARTED)
        return tuple(call for call in started if call.id not in self._begun)

    @property
    def news(self) -> str:
        """What the agent must be told before it continues."""
        checkpoint, woken = self.checkpoint, self.checkpoint.woken
        if woken is None or woken.kind != Waking.PERSON or checkpoint.last is None:
            return ""
        if any(call.state is CallState.WAITING for call in checkpoint.calls):
            return ""
        return sendable(resume_note(checkpoint, woken, self._limits, self.services.clock.now()))

    async def open(self) -> str | None:
        """Open the conversation; return its first message, or None if there is nothing to do now."""
        async with self._lock:
            if not self._is_over and self.checkpoint.last is None:
                await open_run(self.services, self.writer, self._limits, self.toolbox, system="")
            if self._is_over or self.checkpoint.last is None:
                return None
            return self.checkpoint.messages[0].text

    async def heard(self, text: str, provenance: str = "own") -> None:
        """Record a message to the agent."""
        async with self._lock:
            self._require_no_open_call()
            await self._write(self._message("user", _text(text), provenance), told=True)

    def saying(self, delta: str) -> None:
        """Show observers a part of the agent's present message; nothing is recorded."""
        self._live = self._live or LiveText(self.checkpoint.run, self.services.move_log, self.writer.secrets)
        self._live.feed(delta)

    async def said(self, text: str) -> None:
        """Record a message of the agent."""
        async with self._lock:
            self._require_no_open_call()
            if self._live is None:
                self.saying(text)
            self._end_of_text()
            await self._write(self._message("assistant", _text(text), "own"), new_step=True)

    def _end_of_text(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.end()

    async def begin(self, call: ForeignCall) -> DeskAnswer:
        """Judge a call, and record its start.

        Raises:
            ValueError: the conversation is not open, another call is, or the id was begun with other
                arguments.
        """
        async with self._lock:
            self._end_of_text()
            if self._is_over:
                return Rested()
            if (early := self._without_record(call)) is not None:
                return early
            if not self._is_known(call.id):
                await self._plan(call)
            return await self._decide(call.id)

    async def record(self, call_id: str, result: ToolAnswer, *, is_error: bool = False) -> None:
        """Record the result of a call that had started."""
        async with self._lock:
            call = self._started(call_id)
            tool = self.toolbox.get(call.name)
            label = tool.spec.provenance if tool is not None else "untrusted:unlabelled"
            try:
                content = clean(self.writer.secrets.hidden(result))
            except (TypeError, ValueError) as error:
                # It has happened, whatever its result.
                content, is_error = f"The result of {call.name} cannot be kept: {error}", True
            state = CallState.FAILED if is_error else CallState.DONE
            await record(self.services, self.writer, CallResult(call_id, state, content, label))
            self._begun.discard(call_id)

    async def lose(self, call_id: str) -> ToolAnswer:
        """Record that the outcome of a call is unknown; return the message for the agent."""
        async with self._lock:
            return await self._lose(self._started(call_id))

    async def used(self, usage: Usage, cost_microusd: int | None) -> bool:
        """Count the cost of a request; false if the run waits now, or the attempt must stop."""
        async with self._lock:
            now, checkpoint = self.services.clock.now(), self.checkpoint
            try:
                cost, is_assumed = price_of(self.services, checkpoint.job.model, usage, cost_microusd)
            except ConfigError:  # the agent has its own model, whose price is unknown here
                cost, is_assumed = assumed_microusd(usage), True
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
            if not self._begun:
                await rest_when_spent(self.services, self.writer, self._limits)
            return not self._is_over

    async def transcript(self) -> bytes:
        """Return the stored transcript of the agent."""
        async with self._lock:
            return await self._transcript.read()

    async def keep_transcript(self, data: bytes, *, is_whole: bool = False) -> None:
        """Store a part of it with the next step."""
        async with self._lock:
            if self.checkpoint.run.state is not State.RUNNING:
                raise ValueError(f"the run is {self.checkpoint.run.state}")
            await self._transcript.keep(data, is_whole=is_whole)

    async def end(self, summary: str, outcome: Literal["done", "nothing_to_do", "failed"] = "done") -> None:
        """End the run."""
        async with self._lock:
            self._require_no_open_call()
            step = ended(self.checkpoint, End(summary, outcome), Step(at=self.services.clock.now()))
            await self.writer.commit(replace(step, messages=()))  # each call was answered when it was closed

    # -- one call ---------------------------------------------------------------------------------
    def _without_record(self, call: ForeignCall) -> Answered | None:
        """Return the answer to a call that cannot be recorded, or was answered before the last message."""
        try:
            if sendable_json(dict(call.args)) != dict(call.args):
                raise ValueError("it holds characters that no text can carry")
        except (TypeError, ValueError) as error:
            return Answered(f"{call.name} was not begun: its input cannot be kept, {error}", is_error=True)
        if self._is_known(call.id):
            known = self._call(call.id)
            # Secrets were removed from the stored arguments.
            asked = self.writer.secrets.hidden({"args": dict(call.args)})["args"]
            if (known.name, canonical(known.args)) != (call.name, canonical(asked)):
                raise ValueError(f"the call {call.id} was asked for with other arguments before")
            return None
        for message in reversed(self.checkpoint.messages):
            for block in message.content:
                if block.get("tool_use_id") == call.id:
                    content = block["content"]
                    result = content if isinstance(content, str) else tuple(content)
                    return Answered(result, bool(block.get("is_error")))
        self._require_no_open_call()
        return None

    async def _plan(self, asked: ForeignCall) -> None:
        block = {"type": "tool_use", "id": asked.id, "name": asked.name, "input": dict(asked.args)}
        message = self._message("assistant", block, "own", "tool_use")
        calls = planned(self.checkpoint.run.id, message, self.toolbox)
        external = tuple(call.id for call in calls if acts(call, self.toolbox))
        await self._write(message, planned=calls, external=external, new_step=True)

    async def _decide(self, call_id: str) -> DeskAnswer:
        """Begin a known call, or answer it; judged again if the facts have changed meanwhile."""
        while not self._is_over:
            call = self._call(call_id)
            if call.is_closed:
                return self._answered(call.id)
            if call.state is CallState.WAITING:
                now = self.services.clock.now()
                await self.writer.commit(messages.answer(self.checkpoint, self._limits, (call,), now))
                return self._answered(call_id)
            if call.id in self._begun:
                await asyncio.sleep(0)  # a busy loop of a backend must not block other tasks
                return Answered(UNDER_WAY, is_error=True)
            if (wrong := refusal(call, self.toolbox, self.checkpoint.frame)) is not None:
                return await self._close(wrong)
            try:
                if call.state is CallState.PLANNED and isinstance(self.toolbox.get(call.name), InsideTool):
                    return await self._inside(call)
                return await self._begin(call)
            except AgentcronError as error:
                await rests.settle(self.services, self.writer, error, Doing.CALLS)
        return Rested()

    async def _begin(self, call: Call) -> DeskAnswer:
        is_fresh = call.state is CallState.PLANNED
        fresh, doubtful = ((call,), ()) if is_fresh else ((), (call,))
        begun = await begin_calls(self.services, self.writer, self.toolbox, fresh, doubtful)
        decisions = begun.fresh if is_fresh else begun.again
        if not is_fresh:
            if not decisions.allowed or call.effect not in REPEATABLE:
                return Answered(await self._lose(call), is_error=True)
            await begin_again(self.services, self.writer, self.toolbox, call)
        elif decisions.refused:
            return self._answered(call.id)
        elif not decisions.allowed:
            await rests.wait_for_another(self.services, self.writer, decisions)
            return Rested()
        if await is_stopped(self.services, self.writer, call, is_fresh=is_fresh):
            return Rested()
        self._begun.add(call.id)
        reach = decisions.reach[call.id]
        return Allowed(call.key, reach.hosts, reach.network)

    async def _inside(self, call: Call) -> DeskAnswer:
        decided = await control_calls(self.services, self.writer, self.toolbox, [call])
        if isinstance(decided, Decisions):
            await rests.wait_for_another(self.services, self.writer, decided)
            return Rested()
        await self.writer.commit(decided)
        if decided.move is not None:
            return Rested()
        answer = self._answered(call.id)
        if not (news := self.news):
            return answer
        # A person's message is delivered before the run changes anything, rests or ends: here it is.
        await self._write(self._message("user", _text(news), "owner"), told=True)
        told = answer.result if not isinstance(answer.result, str) else (_text(answer.result),)
        return Answered((*told, _text(news)), answer.is_error)

    async def _lose(self, call: Call) -> ToolAnswer:
        await self._close(CallResult(call.id, CallState.UNKNOWN, INTERRUPTED))
        return INTERRUPTED

    async def _close(self, result: CallResult) -> Answered:
        await self.writer.commit(Step(at=self.services.clock.now(), results=(result,)))
        self._begun.discard(result.call_id)
        return self._answered(result.call_id)

    def _answered(self, call_id: str) -> Answered:
        """Return the answer to a closed call."""
        call = self._call(call_id)
        result = call.result if call.result is not None else ""
        return Answered(result, is_error=call.state in (CallState.FAILED, CallState.UNKNOWN))

    def _with_message(self, checkpoint: Checkpoint, step: Step) -> Step:
        """Return a step with the message that answers the call whose result it contains."""
        if step.move is not None or step.messages or not step.results:
            return step
        answer = messages.answer_message(checkpoint, checkpoint.apply(step).calls, step.at)
        return replace(step, messages=(answer,), told=not self.news)

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
        now = self.services.clock.now()
        return Message(self.checkpoint.next_seq, role, (block,), provenance, now, stop_reason)

    async def _write(self, message: Message, **more: Any) -> None:
        await self.writer.commit(Step(at=message.created_at, messages=(message,), **more))

    # -- checks -----------------------------------------------------------------------------------
    @property
    def _is_over(self) -> bool:
        """Whether nothing may begin any more."""
        return self.checkpoint.run.state is not State.RUNNING or self._must_stop()

    def _is_known(self, call_id: str) -> bool:
        return any(call.id == call_id for call in self.checkpoint.calls)

    def _call(self, call_id: str) -> Call:
        return next(call for call in self.checkpoint.calls if call.id == call_id)

    def _started(self, call_id: str) -> Call:
        if not self._is_known(call_id) or self._call(call_id).state is not CallState.STARTED:
            raise ValueError(f"the call {call_id} has not begun")
        return self._call(call_id)

    def _require_no_open_call(self) -> None:
        if self.checkpoint.run.state is not State.RUNNING:
            raise ValueError(f"the run is {self.checkpoint.run.state}")
        if self.checkpoint.last is None:
            raise ValueError("the conversation is not open: the gate was not asked")
        still_open = [call.id for call in self.checkpoint.calls if not call.is_closed]
        if still_open:
            raise ValueError(f"the call {still_open[0]} is open; a backend asks for one at a time")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": sendable(text)}
