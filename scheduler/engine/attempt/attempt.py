"""The executor: takes one claimed run from step to step until it ends, sleeps or has to be let go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from scheduler.core.changes.note import Note
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run import reasons, turn
from scheduler.core.run.conversation import Call, CallState, Request
from scheduler.core.run.reasons import Ends
from scheduler.core.run.retry import BackOff, after_fault
from scheduler.core.run.run import Move, State
from scheduler.core.run.step import CallResult, Step
from scheduler.core.run.step_marks import marks_of_step
from scheduler.core.run.turn import CUT_SHORT, Limits, Park, next_step, part
from scheduler.core.run.window import latest_cut
from scheduler.core.trust.marks import Marks
from scheduler.engine.attempt import messages as answers
from scheduler.engine.attempt import rests as resting
from scheduler.engine.attempt.arguments import refusals
from scheduler.engine.attempt.calls import begin_pure, run_calls
from scheduler.engine.attempt.controls import decide_calls
from scheduler.engine.attempt.decisions import Docket
from scheduler.engine.attempt.failures import failure, first_of
from scheduler.engine.attempt.opening import opening
from scheduler.engine.attempt.requests import ask_model, compact
from scheduler.engine.attempt.writer import Progress
from scheduler.engine.services import Kit, Toolbox
from scheduler.errors import (
    BadRowError,
    CannotWorkError,
    ConfigError,
    DayLogError,
    FactsChangedError,
    HaltedError,
    LostLeaseError,
    ModelFault,
    OverBudgetError,
    StoreError,
)
from scheduler.host.workdir import unusable
from scheduler.ports.tool import InsideTool

log = logging.getLogger("agentcron")

Interruption = Literal["stop", "cancel", "lost", "timeout"]


class Executor:
    """One attempt at one run."""

    def __init__(self, kit: Kit, progress: Progress, stopping: Callable[[], bool] = lambda: False) -> None:
        self.kit = kit
        self.progress = progress
        self._stopping = stopping
        self._work: asyncio.Task[None] | None = None
        self._interrupted: Interruption | None = None
        job = progress.at.job
        self._limits = Limits(
            max_steps=job.max_steps,
            run_microusd=round(job.budget.run_usd * 1_000_000),
            day_microusd=round(job.budget.day_usd * 1_000_000),
            compact_tokens=job.compact_tokens,
            run_tokens=job.budget.run_tokens,
            day_tokens=job.budget.day_tokens,
        )
        self._tools: Toolbox = {}
        self._begun: Docket | None = None
        progress.complete = self._completed
        progress.secrets = kit.secrets
        self.is_owed = False
        """Whether the attempt ended and the database could not be told."""

    @property
    def run_id(self) -> str:
        """The run that is being taken on."""
        return self.progress.lease.run_id

    def interrupt(self, why: Interruption) -> None:
        """End the attempt now, in the middle of whatever it does."""
        if self._interrupted is None and self._work is not None and not self._work.done():
            self._interrupted = why
            self._work.cancel()

    async def run(self) -> State:
        """Go on until the run is final, sleeping, parked, retrying, or let go; return its state."""
        self._work = asyncio.create_task(self._loop(), name=f"run {self.run_id}")
        try:
            done, _ = await asyncio.wait({self._work}, timeout=self.progress.at.job.timeout_seconds)
            if not done:
                self.interrupt("timeout")
                await asyncio.wait({self._work})
        except asyncio.CancelledError:
            # The process ends and has no time for a record: the lease runs out by itself.
            self._work.cancel()
            await asyncio.wait({self._work})
            raise
        error = None if self._work.cancelled() else self._work.exception()
        try:
            await self._let_go(error)
        except LostLeaseError:
            self.kit.witness.lease_lost(self.progress.at.run, self.kit.clock.now())
        except StoreError as late:
            self.is_owed = True
            log.warning("run %s: let go without a record: %s", self.run_id, late)
        return self.progress.at.run.state

    async def _loop(self) -> None:
        job = self.progress.at.job
        if (park := await self._unready()) is not None:
            await self._park(park)
            return
        if (step := await resting.too_awake(self.kit, self.progress.at)) is not None:
            await self.progress.commit(step)
            return
        if job.workdir is not None and (problem := unusable(job.workdir)):
            await self._park(Park(ReasonCode.WORKDIR, problem))
            return
        while self.progress.at.run.state is State.RUNNING:
            if self.progress.cancel_asked:
                self._interrupted = "cancel"
                return
            # Halted, too, the run is handed back and goes on later where it was.
            if self._stopping() or self.kit.halted() is not None:
                self._interrupted = "stop"
                return
            await self._one_step()

    async def _unready(self) -> Park | None:
        """Get the job's tools ready; return why nothing may begin yet, before any cost."""
        job = self.progress.at.job
        if job.unknown:
            # One of them may be a limit: to drop it would give the run more than it was given.
            names = ", ".join(name for name, _ in job.unknown)
            reason = f"a newer agentcron has pinned what this one does not know: {names}; upgrade agentcron"
            return Park(ReasonCode.VERSION, reason)
        if job.secrets:  # before anything could print one
            await asyncio.to_thread(self.kit.secrets.learn, job)
        try:
            self._tools = self.kit.tools_for(job)
        except ConfigError as error:
            # It was there when the job was loaded, and may be again: an upgrade takes it away for a while.
            reason = f"{error.message}; install or repair what provides it, or cancel the run"
            return Park(ReasonCode.TOOL, reason)
        try:
            self.kit.profile_for(job)
        except ConfigError as error:
            return Park(ReasonCode.TRUST, error.message)  # a policy that cannot be read allows nothing
        except Exception as error:
            # Our own fault in reading it allows nothing either, and must not end a run that may go on later.
            log.exception("run %s: its profile cannot be told", self.run_id)
            return Park(ReasonCode.TRUST, f"its profile cannot be told: {error}")
        return None

    async def _one_step(self) -> None:
        kit = self.kit
        step = next_step(self.progress.at, self._limits, self._is_inside)
        if isinstance(step, Park) and reasons.find(step.code).is_daily:
            # What was spent "today" was counted at the claim, and midnight may have passed since.
            await self._look_again()
            step = next_step(self.progress.at, self._limits, self._is_inside)
        at, commit = self.progress.at, self.progress.commit
        if wrong := refusals(step, self._tools):
            await commit(Step(at=kit.clock.now(), results=wrong))
            return
        match step:
            case turn.Begin():
                await self._begin()
            case turn.AskModel():
                await self._request()
            case turn.Compact():
                await self._request(step)
            case turn.RunCalls(fresh, doubtful):
                await self._run_calls(fresh, doubtful)
            case turn.Decide(calls):
                await self._decide(calls)
            case turn.Answer(waiting):
                await commit(answers.answer(at, self._limits, waiting, kit.clock.now()))
            case turn.Reject(calls):
                refused = tuple(CallResult(call.id, CallState.FAILED, CUT_SHORT) for call in calls)
                await commit(Step(at=kit.clock.now(), results=refused))
            case turn.Continue(because):
                await commit(answers.continuation(at, self._limits, because, kit.clock.now()))
            case turn.Finish():
                await commit(answers.ended(Step(at=kit.clock.now()), step, at))
            case turn.Fail(code, reason):
                await self._fail(code, reason)
            case turn.Park():
                await self._park(step)

    def _completed(self, step: Step) -> Step:
        """Add what follows, and what the step shows of the run: no crash makes it forget what it read."""
        at = self.progress.at
        step = answers.joined(at, step, self._limits, self._is_inside)
        specs = {name: tool.spec for name, tool in self._tools.items()}
        before = at.run.marks
        now = before | (step.marks or Marks()) | marks_of_step(step, at.calls, specs)
        # A step that names its own marks, if only none, must not leave the run with those alone.
        marks = None if now == before else now
        return step if step.marks == marks else replace(step, marks=marks)

    async def _run_calls(self, fresh: Sequence[Call], doubtful: Sequence[Call]) -> None:
        try:
            begun, self._begun = self._begun, None
            docket = await run_calls(self.kit, self.progress, self._tools, fresh, doubtful, begun)
            if docket is not None:
                await self._wait_for_another(docket)
        except FactsChangedError:
            await self._look_again()
        except (ConfigError, DayLogError) as error:
            code = ReasonCode.LOG if isinstance(error, DayLogError) else ReasonCode.TRUST
            await self._park(Park(code, error.message))

    async def _wait_for_another(self, docket: Docket) -> None:
        """Wait for another day, or for a person's answer, or until the first question has expired."""
        if docket.over and not (docket.asks or docket.open_asks):
            await self._park(Park(ReasonCode.EFFECTS_DAY, docket.over))
        else:
            await self.progress.commit(resting.awaiting(self.progress.at, docket, self.kit.clock.now()))

    async def _decide(self, calls: Sequence[Call]) -> None:
        try:
            decided = await decide_calls(self.kit, self.progress, self._tools, calls)
            if isinstance(decided, Docket):
                await self._wait_for_another(decided)
            else:
                await self.progress.commit(decided)
        except FactsChangedError:
            await self._look_again()
        except ConfigError as error:
            await self._park(Park(ReasonCode.TRUST, error.message))

    async def _look_again(self) -> None:
        """Read everything anew: another run or a person was faster.  The loop looks first whether to stop."""
        self.progress.at = await self.kit.store.checkpoint(self.progress.lease, self.kit.clock.now())

    async def _begin_pure(self, step: Step) -> Step:
        step, self._begun = await begin_pure(self.kit, self.progress.at, self._tools, self._limits, step)
        return step

    def _is_inside(self, name: str) -> bool:
        return isinstance(self._tools.get(name), InsideTool)

    async def _begin(self) -> None:
        if self.progress.at.job.gate is not None:
            # A gate is a command, whatever it does: that it is about to run stands in the log before it does.
            await self.progress.commit(Step(at=self.kit.clock.now(), changes=(Note("gate"),)))
            try:
                await self.kit.daylog.sync()
            except DayLogError as error:
                await self._park(Park(ReasonCode.LOG, error.message))
                return
            if self.kit.halted() is not None:
                return  # meanwhile; the loop hands the run back
        step = await opening(self.kit, self.progress.at, self._limits, self._tools)
        if isinstance(step, turn.Fail):
            await self._fail(step.code, step.reason)
        else:
            await self.progress.commit(step)

    async def _request(self, compaction: turn.Compact | None = None) -> None:
        """Ask for the next answer or for a summary, and decide what it means when none comes."""
        try:
            if compaction is None:
                await ask_model(self.kit, self.progress, self._tools, self._begin_pure)
            else:
                await self._compact(compaction)
        except ModelFault as fault:
            too_long = fault.kind == "too_long" and compaction is None
            covers = latest_cut(self.progress.at.messages) if too_long else None
            if covers is None:
                await self._after(fault)
            else:
                await self._request(turn.Compact(covers, must=True))
        except OverBudgetError as error:
            await self._wait_for_room(error)
        except HaltedError:
            return  # whoever asks for the next step hands the run back
        except StoreError:
            raise
        except CannotWorkError as error:
            await self._park(Park(ReasonCode.KEY, error.message))

    async def _wait_for_room(self, error: OverBudgetError) -> None:
        """Wait for another day, or a while when it is requests that are out which hold the room."""
        code = ReasonCode(error.code)
        if error.spent >= error.cap and reasons.find(code).ends is Ends.FLEET_DAY:
            spent = part(error.spent, "today's", error.cap, error.unit)
            await self._park(Park(code, f"all jobs have spent {spent}"))
            return
        if error.spent >= error.cap:
            await self._look_again()  # now it knows what others have spent, and its next step is to park
            return
        held = part(error.out, "today's", error.cap, error.unit)
        seconds = self.kit.settings.room_seconds
        await self._back_off(f"requests that are out hold {held}", code, "other runs", seconds)

    async def _compact(self, step: turn.Compact) -> None:
        try:
            why_not = await compact(self.kit, self.progress, step.covers)
        except ModelFault as fault:
            if step.must and fault.kind not in ("too_long", "invalid", "unknown"):
                raise
            why_not = fault.message
        if not why_not:
            log.info("run %s: its messages up to %d are summed up", self.run_id, step.covers)
        elif step.must:
            await self._park(Park(ReasonCode.CONTEXT, f"{turn.NO_ROOM}: {why_not}"))
        else:  # it still fits: it goes on as it is, and is summed up later
            log.warning("run %s: its conversation is long, and not summed up: %s", self.run_id, why_not)

    async def _after(self, fault: ModelFault) -> None:
        at = self.progress.at
        verdict = after_fault(fault, at.failures, at.job.retries)
        match verdict:
            case BackOff(code, seconds, reason):
                await self._back_off(reason, code, "the next attempt", seconds)
            case Park():
                await self._park(verdict)
            case turn.Fail(code, reason):
                await self._fail(code, reason)

    async def _back_off(self, reason: str, code: ReasonCode, waiting_for: str, seconds: float) -> None:
        now = self.kit.clock.now()
        step = resting.backed_off(reason, code, waiting_for, now, now + timedelta(seconds=seconds))
        await self.progress.commit(step)

    async def _fail(self, code: ReasonCode, reason: str) -> None:
        at = self.progress.at
        await self.progress.commit(
            Step(
                at=self.kit.clock.now(),
                move=Move.FAIL,
                reason=reason,
                reason_code=code,
                outcome="failed",
                closed=self._lost_request(),
                changes=answers.notify(at, reason),
            )
        )

    async def _park(self, park: Park) -> None:
        step = resting.parked(self.progress.at, park, self.kit.clock.now(), self.kit.settings)
        await self.progress.commit(step)

    async def _let_go(self, error: BaseException | None) -> None:
        """Write how the attempt ended, unless its own last step has done so."""
        error = None if error is None else first_of(error)
        if isinstance(error, LostLeaseError) or self._interrupted == "lost":
            self.kit.witness.lease_lost(self.progress.at.run, self.kit.clock.now())
            return
        if isinstance(error, StoreError) and not isinstance(error, BadRowError):
            # Nothing can be recorded, so nothing more may happen; the lease goes back when that is over.
            self.is_owed = True
            log.error("run %s: stopped, the database cannot be written: %s", self.run_id, error)
            return
        if self.progress.at.run.state is not State.RUNNING:
            return
        endings: dict[Interruption, Callable[[datetime], Awaitable[None]]] = {
            "stop": self._release,
            "cancel": self._cancel,
        }
        if self._interrupted == "timeout":
            seconds = self.progress.at.job.timeout_seconds
            await self._fail(ReasonCode.TIMEOUT, f"the attempt took longer than {seconds} s, its limit")
        elif self._interrupted in endings:
            await endings[self._interrupted](self.kit.clock.now())
        elif error is not None:
            failed = failure(self.run_id, error)
            await self._fail(failed.code, failed.reason)

    async def _release(self, now: datetime) -> None:
        await self.progress.commit(
            Step(at=now, move=Move.RELEASE, keep_attempt=False, closed=self._lost_request())
        )

    async def _cancel(self, now: datetime) -> None:
        asked = await self.kit.store.run(self.run_id)
        await self.progress.commit(
            Step(
                at=now,
                move=Move.CANCEL,
                reason=(asked.reason if asked else "") or "cancelled by a person",
                reason_code=ReasonCode.CANCELLED,
                closed=self._lost_request(),
            )
        )

    def _lost_request(self) -> Request | None:
        """The request that is still out: it may be billed, and its answer will never be read."""
        request = self.progress.open_request
        if request is None:
            return None
        return request.as_lost(self.kit.clock.now(), "interrupted")
