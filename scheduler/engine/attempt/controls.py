"""Control calls: sleep, note and finish happen inside the commit that records them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from scheduler.core.run.checkpoint import CallResult, Checkpoint, Step
from scheduler.core.run.conversation import Call, CallState
from scheduler.core.run.run import Move
from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.core.trust import marks as seen
from scheduler.engine.attempt.follow_ups import LIMITS, NOT_FOR_LATER, Book, ForLater
from scheduler.engine.attempt.messages import answer_message, notices
from scheduler.engine.services import Kit, Toolbox
from scheduler.errors import ToolFault
from scheduler.ports.tool import ControlTool, Directive, Finished, Noted, SleepUntil

log = logging.getLogger("agentcron")

NEWS_FIRST = "Not done: a person resumed this run meanwhile. Read what follows, then decide again."


def settle(kit: Kit, at: Checkpoint, tools: Toolbox, calls: Sequence[Call], book: Book) -> Step:
    """Return the one step that all open control calls of a message come to.

    ``finish`` beats ``sleep``; of several sleeps the earliest wins; a refused call is answered with an error.
    A person who resumed the run is heard before it sleeps or ends.
    """
    now = kit.clock.now()
    has_news = at.woken is not None and at.woken.kind is Waking.PERSON
    results: list[CallResult] = []
    sleeps: list[tuple[Call, SleepUntil]] = []
    finished: Finished | None = None
    for call in calls:
        try:
            directive = _decide(at, tools, call)
            if isinstance(directive, ForLater) and not has_news:
                results.append(book.take(call, directive))
                continue
        except ToolFault as fault:
            text = fault.message + (f" ({fault.help})" if fault.help else "")
            rule = LIMITS if call.name not in NOT_FOR_LATER else ""
            results.append(CallResult(call.id, CallState.FAILED, text, rule=rule))
            continue
        match directive:
            case Noted():
                results.append(CallResult(call.id, CallState.DONE, "Noted."))
            case _ if has_news:
                results.append(CallResult(call.id, CallState.FAILED, NEWS_FIRST))
            case SleepUntil():
                sleeps.append((call, directive))
            case Finished():
                finished = finished or directive
                results.append(CallResult(call.id, CallState.DONE, "The run is finished."))
    marks = seen.written(book.marks) if book.marks else None
    step = Step(at=now, made=tuple(book.made), unmade=tuple(book.unmade), marks=marks)
    if finished is not None:
        results += [
            CallResult(call.id, CallState.FAILED, "Not slept: the same message finished the run.")
            for call, _ in sleeps
        ]
        return _finish(at, finished, results, step)
    if sleeps:
        earliest = min((sleep for _, sleep in sleeps), key=lambda sleep: sleep.when)
        return replace(
            step,
            move=Move.SUSPEND,
            results=tuple(results),
            waiting=tuple(call.id for call, _ in sleeps),
            waiting_for=earliest.reason,
            wakeups=(WakeUp(Waking.TIME, earliest.when),),
        )
    return replace(step, results=tuple(results))


def _decide(at: Checkpoint, tools: Toolbox, call: Call) -> Directive:
    tool = tools[call.name]
    assert isinstance(tool, ControlTool)
    assert at.last is not None
    try:
        # Read from the moment the agent spoke: "in 2h" must not mean something else after a crash.
        return tool.decide(call.args, at.last.created_at, at.job.tz)
    except ToolFault:
        raise
    except Exception as error:
        log.exception("run %s: the tool %s broke", at.run.id, call.name)
        raise ToolFault(f"{call.name} broke: {type(error).__name__}: {error}") from error


def _finish(at: Checkpoint, finished: Finished, results: Sequence[CallResult], step: Step) -> Step:
    closing = replace(step, results=tuple(results))
    calls = at.apply(closing).calls
    failed = finished.outcome == "failed"
    return replace(
        closing,
        move=Move.FAIL if failed else Move.FINISH,
        # Stored, never sent: the conversation stays valid, so that a person may resume it.
        messages=(answer_message(at, calls, step.at),),
        outcome=finished.outcome,
        summary=finished.summary,
        reason=finished.summary if failed else "",
        reason_code="agent" if failed else "",
        notices=notices(at, finished.summary),
    )
