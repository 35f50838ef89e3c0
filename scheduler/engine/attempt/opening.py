"""Open a run: run the gate, pin the frame and write the first message."""

from __future__ import annotations

from functools import cache
from importlib import resources

from scheduler.core.changes.note import Note
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.run import Move
from scheduler.core.run.step import Step
from scheduler.core.run.turn import Fail, Limits
from scheduler.engine.attempt import messages, rests
from scheduler.engine.attempt.failures import Doing
from scheduler.engine.attempt.gate import ask_gate
from scheduler.engine.attempt.pins import new_frame
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.services import Services
from scheduler.errors import DayLogError
from scheduler.ports.toolset import Toolbox


@cache
def system_prompt() -> str:
    """Return the system prompt of an unattended agent."""
    return (
        resources.files("scheduler.engine.attempt").joinpath("system_prompt.md").read_text(encoding="utf-8")
    )


async def open_run(
    services: Services, writer: RunWriter, limits: Limits, tools: Toolbox, system: str
) -> None:
    """Run the gate, and write the first message; or end the run if the gate says no, or fails.

    Nothing is written if the home was halted meanwhile.

    Args:
        tools: the tools of the run; their declarations are pinned.
        system: the system prompt of each request to the model; empty if others send the requests.
    """
    if writer.checkpoint.job.gate is not None:
        # A gate is a command with unknown effects: its start is recorded in the log before.
        await writer.commit(Step(at=services.clock.now(), changes=(Note("gate"),)))
        try:
            await services.daylog.sync()
        except DayLogError as error:
            await rests.settle(services, writer, error, Doing.CALLS)
            return
        if services.halted() is not None:
            return
    step = await _opening(services, writer.checkpoint, limits, tools, system)
    if isinstance(step, Fail):
        await rests.fail(services, writer, step.code, step.reason)
    else:
        await writer.commit(step)


async def _opening(
    services: Services, checkpoint: Checkpoint, limits: Limits, tools: Toolbox, system: str
) -> Step | Fail:
    gate = await ask_gate(checkpoint, services.settings, services.folder)
    now = services.clock.now()
    if gate.verdict == "shut":
        return Step(at=now, move=Move.QUIET, reason=gate.reason, reason_code=ReasonCode.GATE)
    if gate.verdict == "broken":
        return Fail(ReasonCode.GATE, gate.reason)
    return Step(
        at=now,
        frame=new_frame(checkpoint, system, tools),
        messages=(messages.first_message(checkpoint, limits, gate.output, now),),
        told=True,
    )
