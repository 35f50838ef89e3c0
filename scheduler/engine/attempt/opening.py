"""The opening of a run: the gate is asked, then the frame is pinned and the first message written."""

from __future__ import annotations

from functools import cache
from importlib import resources

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.run import Move
from scheduler.core.run.step import Step
from scheduler.core.run.turn import Fail, Limits
from scheduler.engine.attempt import messages as answers
from scheduler.engine.attempt.gate import ask_gate
from scheduler.engine.attempt.pins import new_frame
from scheduler.engine.services import Kit
from scheduler.ports.toolset import Toolbox


@cache
def system_prompt() -> str:
    """Return the system prompt of an unattended agent."""
    return (
        resources.files("scheduler.engine.attempt").joinpath("system_prompt.md").read_text(encoding="utf-8")
    )


async def opening(kit: Kit, at: Checkpoint, limits: Limits, tools: Toolbox) -> Step | Fail:
    """Return the first step of a run: its opening, or its end when the gate says that there is nothing to do.

    A gate that is broken fails the run.
    """
    gate = await ask_gate(at, kit.settings, kit.folder)
    now = kit.clock.now()
    if gate.verdict == "shut":
        return Step(at=now, move=Move.QUIET, reason=gate.reason, reason_code=ReasonCode.GATE)
    if gate.verdict == "broken":
        return Fail(ReasonCode.GATE, gate.reason)
    return Step(
        at=now,
        frame=new_frame(at, system_prompt(), tools),
        messages=(answers.first_message(at, limits, gate.output, now),),
        told=True,
    )
