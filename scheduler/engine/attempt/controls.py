"""Calls that happen inside the commit that records them: staged changes, and control of the run.

A staged call is judged like any effect; its changes are written in the commit of its result, so that it
cannot happen twice, and no crash can leave it in doubt.  Control calls are classified by their outcome:
a result, a rest, or an end.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.checkpoint import Checkpoint, folded
from scheduler.core.run.conversation import Call, CallState
from scheduler.core.run.run import Move
from scheduler.core.run.step import CallResult, Change, Step
from scheduler.core.run.wakeup import Waking, earliest
from scheduler.core.trust.marks import NO_MARKS, Marks
from scheduler.engine.attempt.calls import clean
from scheduler.engine.attempt.decisions import Decisions, decide_calls, facts
from scheduler.engine.attempt.messages import answer_message, notify
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.services import Services
from scheduler.errors import RefusedError, ToolFault
from scheduler.ports.tool import ControlTool, End, Outcome, Rest, StageContext, Staged, StagedTool
from scheduler.ports.toolset import Toolbox

log = logging.getLogger("agentcron")

NEWS_FIRST = "Not done: a person resumed this run meanwhile. Read what follows, then decide again."

_NEVER = datetime.max.replace(tzinfo=UTC)

LIMITS = "limits"
"""The rule of a staged call that its own tool refuses."""


@dataclass(slots=True)
class _Tally:
    """The combined outcome of the calls of one message."""

    results: list[CallResult] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    rests: list[tuple[Call, Rest]] = field(default_factory=list)
    end: End | None = None
    marks: Marks = NO_MARKS

    def fail(self, call: Call, fault: ToolFault, rule: str = "") -> None:
        text = fault.message + (f" ({fault.help})" if fault.help else "")
        self.results.append(CallResult(call.id, CallState.FAILED, text, rule=rule))


async def control_calls(
    services: Services, writer: RunWriter, tools: Toolbox, calls: Sequence[Call]
) -> Step | Decisions:
    """Return the one step for all open calls of this kind, or what must be waited for first.

    An end overrides a rest; of several rests the earliest time wins; a refused call is answered with an
    error. The message of a person who resumed the run is delivered before it changes anything, rests or ends.

    Raises:
        ConfigError: the trust file or the job's profile is wrong, so nothing may be staged; or (PartError) a
            part of the checkpoint that a call needs cannot be read.
        LostLeaseError: another runner owns the run.
    """
    checkpoint = writer.checkpoint
    has_news = checkpoint.woken is not None and checkpoint.woken.kind == Waking.PERSON
    staged = [call for call in calls if isinstance(tools[call.name], StagedTool)]
    decisions = Decisions()
    if staged and not has_news:
        decisions = decide_calls(services, checkpoint, tools, staged, await facts(services, checkpoint))
        if decisions.waits:
            return decisions
    tally = _Tally(results=list(decisions.refused))
    allowed = {call.id for call in decisions.allowed}
    refused = {result.call_id for result in decisions.refused}
    parts = await _parts(services, writer, tools, decisions.allowed)
    for call in calls:
        if call.id in refused:
            continue
        if call.id in allowed:
            _stage(services, checkpoint, tools, call, parts, tally)
        else:
            _control(checkpoint, tools, call, has_news, tally)
    return _step(services, checkpoint, decisions, tally)


async def _parts(
    services: Services, writer: RunWriter, tools: Toolbox, calls: Sequence[Call]
) -> dict[str, Any]:
    """Return the parts of the checkpoint that calls need, with those that a claim does not read."""
    parts = dict(writer.checkpoint.parts)
    for call in calls:
        tool = tools[call.name]
        assert isinstance(tool, StagedTool)
        for kind in tool.reads:
            if kind not in parts:
                parts[kind] = await services.store.part(writer.lease, kind, services.clock.now())
    return parts


def _stage(
    services: Services,
    checkpoint: Checkpoint,
    tools: Toolbox,
    call: Call,
    parts: dict[str, Any],
    tally: _Tally,
) -> None:
    tool = tools[call.name]
    assert isinstance(tool, StagedTool)
    try:
        staged, after = _staged(services, checkpoint, tool, call, parts)
    except ToolFault as fault:
        tally.fail(call, fault, LIMITS)
        return
    parts.update(after)
    tally.changes += staged.changes
    tally.marks |= staged.marks
    if staged.rest is not None:
        tally.rests.append((call, staged.rest))
    else:
        result = CallResult(call.id, CallState.DONE, staged.result, staged.provenance, staged.rule)
        tally.results.append(result)


def _staged(
    services: Services, checkpoint: Checkpoint, tool: StagedTool, call: Call, parts: Mapping[str, Any]
) -> tuple[Staged, Mapping[str, Any]]:
    """Return the outcome of a call, and the parts after it.

    Raises:
        ToolFault: it refuses, or is broken: nothing of it is written.
    """
    assert checkpoint.last is not None
    context = StageContext(
        job=checkpoint.job,
        run=checkpoint.run,
        call_id=call.id,
        # Relative to the time of the message: "in 2h" must not change its meaning after a crash.
        spoken=checkpoint.last.created_at,
        now=services.clock.now(),
        parts=parts,
    )
    try:
        staged = tool.stage(call.args, context)
        # Now: an error here must not occur after the step is on the disk.
        after = folded(parts, staged.changes)
        staged = replace(staged, result=clean(services.secrets.hidden(staged.result)))
    except ToolFault:
        raise
    except RefusedError as error:
        raise ToolFault(f"{call.name}: {error.message}", help=error.help) from error
    except Exception as error:
        raise _broken(checkpoint, call, error) from error
    unknown = {change.kind for change in staged.changes} - tool.changes
    if unknown:
        raise ToolFault(f"{call.name} broke: it did not declare that it changes {', '.join(sorted(unknown))}")
    if not all(is_dataclass(change) for change in staged.changes):
        # Secrets could not be taken out of it.
        raise ToolFault(f"{call.name} broke: a change must be a dataclass")
    return staged, after


def _control(checkpoint: Checkpoint, tools: Toolbox, call: Call, has_news: bool, tally: _Tally) -> None:
    tool = tools[call.name]
    if isinstance(tool, StagedTool):  # only with news: otherwise it was judged
        tally.results.append(CallResult(call.id, CallState.FAILED, NEWS_FIRST))
        return
    assert isinstance(tool, ControlTool)
    try:
        outcome = _decided(checkpoint, tool, call)
    except ToolFault as fault:
        tally.fail(call, fault)
        return
    if has_news and (outcome.rest is not None or outcome.end is not None):
        tally.results.append(CallResult(call.id, CallState.FAILED, NEWS_FIRST))
    elif outcome.rest is not None:
        tally.rests.append((call, outcome.rest))
    else:
        tally.end = tally.end or outcome.end
        tally.results.append(CallResult(call.id, CallState.DONE, outcome.result))


def _decided(checkpoint: Checkpoint, tool: ControlTool, call: Call) -> Outcome:
    assert checkpoint.last is not None
    try:
        return tool.decide(call.args, checkpoint.last.created_at, checkpoint.job.tz)
    except ToolFault:
        raise
    except Exception as error:
        raise _broken(checkpoint, call, error) from error


def _broken(checkpoint: Checkpoint, call: Call, error: Exception) -> ToolFault:
    # A plug-in may raise anything; the agent is told, the run continues, and the log has the trace.
    log.exception("run %s: the tool %s broke", checkpoint.run.id, call.name)
    return ToolFault(f"{call.name} broke: {type(error).__name__}: {error}")


def _step(services: Services, checkpoint: Checkpoint, decisions: Decisions, tally: _Tally) -> Step:
    step = Step(
        at=services.clock.now(),
        started=tuple(call.id for call in decisions.allowed),
        rules=decisions.rules,
        marks=(decisions.marks | tally.marks) or None,
        guards=decisions.guards(checkpoint.job.workdir if decisions.allowed else None),
        changes=(*decisions.changes(), *tally.changes),
    )
    if tally.end is not None:
        late = "Not slept: the same message finished the run."
        tally.results += [CallResult(call.id, CallState.FAILED, late) for call, _ in tally.rests]
        return ended(checkpoint, tally.end, replace(step, results=tuple(tally.results)))
    if tally.rests:
        times = [w for _, rest in tally.rests for w in rest.wakeups if w.kind == Waking.TIME]
        others = [w for _, rest in tally.rests for w in rest.wakeups if w.kind != Waking.TIME]
        _, first = min(tally.rests, key=lambda each: earliest(each[1].wakeups) or _NEVER)
        return replace(
            step,
            move=Move.SUSPEND,
            results=tuple(tally.results),
            waiting=tuple(call.id for call, _ in tally.rests),
            waiting_for=first.reason,
            wakeups=(*sorted(times, key=lambda each: each.until or _NEVER)[:1], *others),
        )
    return replace(step, results=tuple(tally.results))


def ended(checkpoint: Checkpoint, end: End, step: Step) -> Step:
    """Return a step that also ends its run."""
    calls = checkpoint.apply(step).calls
    failed = end.outcome == "failed"
    return replace(
        step,
        move=Move.FAIL if failed else Move.FINISH,
        # Stored, never sent: the conversation stays valid, so that a person may resume it.
        messages=(answer_message(checkpoint, calls, step.at),) if calls else (),
        outcome=end.outcome,
        summary=end.summary,
        reason=end.summary if failed else "",
        reason_code=ReasonCode.AGENT if failed else "",
        changes=(*step.changes, *notify(checkpoint, end.summary)),
    )
