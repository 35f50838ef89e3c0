"""Turns: the built-in loop over a model, the default backend.  The checkpoint decides each step."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial

from scheduler.core.run import reasons, turn
from scheduler.core.run.conversation import Call, CallState
from scheduler.core.run.run import State
from scheduler.core.run.step import CallResult, Step
from scheduler.core.run.turn import CUT_SHORT, Park, limits_of, next_step
from scheduler.engine.attempt import messages, rests
from scheduler.engine.attempt.arguments import refusals
from scheduler.engine.attempt.begin import Begun, begin_pure
from scheduler.engine.attempt.calls import run_calls
from scheduler.engine.attempt.controls import control_calls
from scheduler.engine.attempt.decisions import Decisions
from scheduler.engine.attempt.desk import RunDesk
from scheduler.engine.attempt.failures import Doing, no_summary
from scheduler.engine.attempt.opening import open_run, system_prompt
from scheduler.engine.attempt.requests import ask_model, compact
from scheduler.errors import AgentcronError, ModelFault
from scheduler.ports.backend import Attempt, Desk
from scheduler.ports.tool import InsideTool, ToolSpec

log = logging.getLogger("agentcron")


class Turns:
    """The backend of runs whose requests our own loop sends."""

    tools: Mapping[str, ToolSpec] = {}

    async def advance(self, attempt: Attempt, desk: Desk) -> None:
        """Make steps until the run waits, is over, or must stop."""
        assert isinstance(desk, RunDesk), "this backend is a part of the engine"
        loop = _Loop(desk)
        while desk.checkpoint.run.state is State.RUNNING and attempt.must_stop is None:
            await loop.one_step()


class _Loop:
    """The loop over one run."""

    def __init__(self, desk: RunDesk) -> None:
        self.services, self.writer, self._tools = desk.services, desk.writer, desk.toolbox
        self._limits = limits_of(self.writer.checkpoint.job)
        inside = frozenset(name for name, tool in self._tools.items() if isinstance(tool, InsideTool))
        self._is_inside = inside.__contains__
        self._begun: Begun | None = None
        self.writer.follow = partial(messages.joined, limits=self._limits, is_inside=self._is_inside)

    async def one_step(self) -> None:
        services = self.services
        step = next_step(self.writer.checkpoint, self._limits, self._is_inside)
        if isinstance(step, Park) and reasons.find(step.code).is_daily:
            # What was spent "today" was counted at the claim, and midnight may have passed since.
            await self.writer.look_again(self.services.clock.now())
            step = next_step(self.writer.checkpoint, self._limits, self._is_inside)
        at, commit = self.writer.checkpoint, self.writer.commit
        if wrong := refusals(step, self._tools, at.frame):
            await commit(Step(at=services.clock.now(), results=wrong))
            return
        match step:
            case turn.Begin():
                await open_run(services, self.writer, self._limits, self._tools, system_prompt())
            case turn.AskModel():
                await self._request()
            case turn.Compact():
                await self._request(step)
            case turn.RunCalls(fresh, doubtful):
                await self._run_calls(fresh, doubtful)
            case turn.Decide(calls):
                await self._decide(calls)
            case turn.Answer(waiting):
                await commit(messages.answer(at, self._limits, waiting, services.clock.now()))
            case turn.Reject(calls):
                refused = tuple(CallResult(call.id, CallState.FAILED, CUT_SHORT) for call in calls)
                await commit(Step(at=services.clock.now(), results=refused))
            case turn.Continue(because):
                await commit(messages.continuation(at, self._limits, because, services.clock.now()))
            case turn.Finish():
                await commit(messages.ended(Step(at=services.clock.now()), step, at))
            case turn.Fail(code, reason):
                await rests.fail(self.services, self.writer, code, reason)
            case turn.Park():
                await rests.park(self.services, self.writer, step)

    async def _run_calls(self, fresh: Sequence[Call], doubtful: Sequence[Call]) -> None:
        try:
            begun, self._begun = self._begun, None
            decisions = await run_calls(self.services, self.writer, self._tools, fresh, doubtful, begun)
            if decisions is not None:
                await rests.wait_for_another(self.services, self.writer, decisions)
        except AgentcronError as error:
            await rests.settle(self.services, self.writer, error, Doing.CALLS)

    async def _decide(self, calls: Sequence[Call]) -> None:
        try:
            decided = await control_calls(self.services, self.writer, self._tools, calls)
            if isinstance(decided, Decisions):
                await rests.wait_for_another(self.services, self.writer, decided)
            else:
                await self.writer.commit(decided)
        except AgentcronError as error:
            await rests.settle(self.services, self.writer, error, Doing.CALLS)

    async def _begin_pure(self, step: Step) -> Step:
        checkpoint = self.writer.checkpoint
        step, self._begun = await begin_pure(self.services, checkpoint, self._tools, self._limits, step)
        return step

    async def _request(self, compaction: turn.Compact | None = None) -> None:
        """Request the next answer or a summary, and decide what follows if there is none."""
        must = compaction is not None and compaction.must
        try:
            if compaction is None:
                await ask_model(self.services, self.writer, self._tools, self._begin_pure)
            else:
                await self._compact(compaction)
        except AgentcronError as error:
            doing = Doing.SUMMARY if must else Doing.REQUEST
            if (first := await rests.settle(self.services, self.writer, error, doing)) is not None:
                await self._request(first)

    async def _compact(self, step: turn.Compact) -> None:
        try:
            why_not = await compact(self.services, self.writer, step.covers)
        except ModelFault as fault:
            if step.must:
                raise
            why_not = fault.message
        run_id = self.writer.lease.run_id
        if not why_not:
            log.info("run %s: its messages up to %d are summed up", run_id, step.covers)
        elif step.must:
            end = no_summary(why_not)
            await rests.fail(self.services, self.writer, end.code, end.reason)
        else:  # it still fits: it continues as it is, and is summarised later
            log.warning("run %s: its conversation is long, and not summed up: %s", run_id, why_not)
