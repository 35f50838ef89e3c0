"""Compare tools with their declarations at the start of the run; a changed one is refused.

The agent gets its tools once, in the frame that is the same for every request.  A tool whose schema,
effect class, marks or description changed later would be used under its old description (why #67).
Tools that only control their run are not pinned: without them it could neither wait nor end.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.step import Frame, Step
from scheduler.core.run.wakeup import Waking
from scheduler.ports.tool import AnyTool, ControlTool
from scheduler.ports.toolset import Toolbox

log = logging.getLogger("agentcron")


def new_frame(checkpoint: Checkpoint, system: str, tools: Toolbox) -> Frame:
    """Return the constant part of every request of the run."""
    return Frame(
        checkpoint.job.model, system, tuple(tool.spec.as_param() for tool in tools.values()), _pins(tools)
    )


def is_changed(frame: Frame | None, tool: AnyTool) -> bool:
    """Whether the declaration of a tool has changed since its run began, or it was not one of its tools."""
    if frame is None or frame.pins is None or isinstance(tool, ControlTool):
        return False
    return frame.pins.get(tool.spec.name) != tool.spec.declaration


def refusal_text(run_id: str, name: str) -> str:
    """Return the message for the agent about a call of a changed tool."""
    return (
        f"Refused: {name} has changed since this run began, and may no longer do what its description said. "
        "Continue without it, or finish and report it. After a review a person can allow the new version: "
        f"agentcron resume {run_id}"
    )


def pinned_again(checkpoint: Checkpoint, tools: Toolbox, now: datetime) -> Step | None:
    """Return the step that pins the tools of a claimed run, if they are to be pinned again.

    They are when a person has resumed the run, and once for a run of a version without pins.
    """
    frame = checkpoint.frame
    if frame is None:
        return None
    changed = sorted(name for name, tool in tools.items() if is_changed(frame, tool))
    if frame.pins is None:
        return Step(at=now, frame=replace(frame, pins=_pins(tools)))
    if not changed:
        return None
    if checkpoint.woken is not None and checkpoint.woken.kind == Waking.PERSON:
        log.info(
            "run %s: resumed with these tools as they are now: %s", checkpoint.run.id, ", ".join(changed)
        )
        return Step(at=now, frame=new_frame(checkpoint, frame.system, tools))
    log.warning("run %s: these tools have changed and are refused: %s", checkpoint.run.id, ", ".join(changed))
    return None


def _pins(tools: Toolbox) -> dict[str, str]:
    return {name: tool.spec.declaration for name, tool in tools.items() if not isinstance(tool, ControlTool)}
