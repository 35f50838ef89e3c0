"""Validate arguments: the only place, for tools that act and for control tools.

A call with wrong arguments is answered before it is judged: no person has to approve a call that cannot run,
and no tool gets arguments that contradict its schema.
"""

from __future__ import annotations

from scheduler.core.run.conversation import Call, CallState
from scheduler.core.run.step import CallResult, Frame
from scheduler.core.run.turn import Decide, NextStep, RunCalls
from scheduler.engine.attempt.pins import is_changed
from scheduler.engine.schema import wrong_arguments
from scheduler.errors import ConfigError
from scheduler.ports.toolset import Toolbox

CHANGED = (
    "This call was interrupted, and its tool has changed since: it does not take these arguments any more. "
    "Its outcome is unknown. Verify whether it happened before you call the tool again."
)


def refusals(step: NextStep, tools: Toolbox, frame: Frame | None = None) -> tuple[CallResult, ...]:
    """Return the answers to those calls of a step whose arguments contradict the schemas of their tools.

    A call that had started was valid then, so its tool has changed, and whether it acted is unknown.  One
    that has not started, of a tool that has changed since the frame, is left to the judge.
    """
    return tuple(found for call in _calls_of(step) if (found := refusal(call, tools, frame)) is not None)


def refusal(call: Call, tools: Toolbox, frame: Frame | None = None) -> CallResult | None:
    """Return the answer to a call whose arguments contradict the schema of its tool, or None."""
    tool = tools.get(call.name)
    if tool is None or (call.state is CallState.PLANNED and is_changed(frame, tool)):
        return None
    try:
        wrong = wrong_arguments(tool.spec.schema, call.args)
    except ConfigError as error:  # a tool that was not loaded by the registry
        wrong = error.message
    if not wrong:
        return None
    if call.state is CallState.STARTED:
        return CallResult(call.id, CallState.UNKNOWN, CHANGED)
    return CallResult(call.id, CallState.FAILED, f"{call.name}: {wrong}")


def _calls_of(step: NextStep) -> tuple[Call, ...]:
    """Return the calls whose tools are about to get their arguments."""
    match step:
        case RunCalls(fresh, doubtful):
            return (*fresh, *doubtful)
        case Decide(calls):
            return calls
    return ()
