"""The crash points of the store, in one list; see ``docs/lifecycle.md`` for the windows W0 to W15.

Every unit that changes something passes two of them: ``<name>.inside`` when all its rows are written and
nothing is committed, and its own name when the commit is durable and nobody knows it yet.
"""

from __future__ import annotations

from scheduler.core.run.run import Move
from scheduler.core.run.step import Step

STEP_POINTS = ("W2", "opened", "W6", "W8", "W11", "W12", "W13", "W14", "compacted", "staged", "step")
"""The windows of a step, by what it contains; ``step`` is one that contains nothing of the kind.

``opened`` is a request on record, just before the engine's own W3; ``compacted`` a summary that is kept;
``staged`` is a call that began and ended in this step: what it changes is written with its result.
"""

CLAIM, FIRE, WAKE, RESCUE, OUTBOX = "W1", "fire", "wake", "rescue", "outbox"
LOAD, PERSON, RUNNER, RENEW, SETTLED, JUMP = "load", "person", "runner", "renew", "W15", "jump"
RESTORE, PRUNE, NOTICE, EVENT = "restore", "prune", "notice", "event"

UNIT_POINTS = (
    *(CLAIM, FIRE, WAKE, RESCUE, OUTBOX, LOAD, PERSON, RUNNER, RENEW, SETTLED, JUMP),
    *(RESTORE, PRUNE, NOTICE, EVENT),
)

_NAMED_INSIDE = {CLAIM: "claim.inside"}
_NAMED_AFTER = {FIRE: "fire.after", WAKE: "wake.after", RESCUE: "rescue.after", OUTBOX: "outbox.after"}


def inside(point: str) -> str:
    """Return the name of the crash point within the transaction."""
    return _NAMED_INSIDE.get(point, f"{point}.inside")


def behind(point: str) -> str:
    """Return the name of the crash point right after the commit."""
    return _NAMED_AFTER.get(point, point)


CRASH_POINTS = tuple(
    name for point in (*STEP_POINTS, *UNIT_POINTS) for name in (inside(point), behind(point))
)
"""Every crash point of the store."""


def step_point(step: Step) -> str:
    """Return the window that a step closes: the last one in the order of a turn that it contains."""
    if step.move is not None:
        return "W13" if step.move is Move.SUSPEND else "W14"
    if any(result.call_id in step.started for result in step.results):
        return "staged"
    if any(message.role == "assistant" for message in step.messages):
        return "W6"
    if step.started:
        return "W8"
    if step.messages:
        blocks = step.messages[-1].content
        return "W12" if any(block.get("type") == "tool_result" for block in blocks) else "W2"
    if step.results:
        return "W11"
    if step.closed is not None and step.closed.summary is not None:
        return "compacted"
    return "opened" if step.opened else "step"
