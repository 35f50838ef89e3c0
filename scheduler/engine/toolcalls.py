"""Tool calls: recorded as started before they act, and answered whatever happens to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from scheduler.core.checkpoint import CallResult, Step
from scheduler.core.conversation import Call, CallState
from scheduler.core.effect import Effect
from scheduler.engine.commits import Progress
from scheduler.engine.kit import Kit, Toolbox
from scheduler.errors import ToolFault
from scheduler.faults import crashpoint
from scheduler.ports.tool import ControlTool, Tool, ToolAnswer, ToolContext

log = logging.getLogger("agentcron")

OUTPUT_LIMIT = 100_000
"""Characters of a result that go to the model."""

INTERRUPTED = (
    "This call was interrupted: the process died while it was under way. Its outcome is unknown, and it was "
    "not repeated. Verify whether it happened before you repeat it."
)


async def run_calls(
    kit: Kit, progress: Progress, tools: Toolbox, fresh: Sequence[Call], doubtful: Sequence[Call]
) -> None:
    """Do the fresh calls side by side, and settle the doubtful ones by their effect class.

    Each result is committed as it comes, so that a crash loses at most the calls still under way.
    """
    if fresh:
        # One durable record before any effect: a call without it never happened.
        await progress.commit(Step(at=kit.clock.now(), started=tuple(call.id for call in fresh)))
        crashpoint("W8")
    async with asyncio.TaskGroup() as group:
        for call in fresh:
            group.create_task(_do(kit, progress, tools, call))
        for call in doubtful:
            group.create_task(_settle_doubt(kit, progress, tools, call))


async def _do(kit: Kit, progress: Progress, tools: Toolbox, call: Call) -> None:
    state, content, label = await _outcome(progress, tools, call)
    crashpoint("W9")
    result = CallResult(call.id, state, content, label)
    await progress.commit(Step(at=kit.clock.now(), results=(result,)))


async def _settle_doubt(kit: Kit, progress: Progress, tools: Toolbox, call: Call) -> None:
    tool = tools.get(call.name)
    happened = "unknown"
    if tool is None or isinstance(tool, ControlTool):
        happened = "did_not_happen"
    elif call.effect in (Effect.PURE, Effect.KEYED):
        happened = "did_not_happen"
    elif call.effect is Effect.PROBE:
        try:
            async with asyncio.timeout(tool.spec.timeout_seconds):
                happened = await tool.probe(call.args, _context(progress, call))
        except (ToolFault, TimeoutError, OSError) as error:
            log.warning("run %s: the probe of %s failed: %s", progress.at.run.id, call.name, error)
    if happened == "did_not_happen":
        await _do(kit, progress, tools, call)
        return
    if happened == "happened":
        result = CallResult(call.id, CallState.DONE, "Interrupted, but it happened: verified.", "own")
    else:
        result = CallResult(call.id, CallState.UNKNOWN, INTERRUPTED, "own")
    await progress.commit(Step(at=kit.clock.now(), results=(result,)))


async def _outcome(
    progress: Progress, tools: Toolbox, call: Call
) -> tuple[CallState, ToolAnswer, str]:
    tool = tools.get(call.name)
    if tool is None or isinstance(tool, ControlTool):
        known = ", ".join(tools)
        return CallState.FAILED, f"There is no tool named {call.name!r}. There are: {known}.", "own"
    label = tool.spec.provenance
    missing = [name for name in tool.spec.schema.get("required", ()) if name not in call.args]
    if missing:
        return CallState.FAILED, f"{call.name}: missing argument {', '.join(missing)}.", "own"
    try:
        async with asyncio.timeout(tool.spec.timeout_seconds) as limit:
            answer = await tool.call(call.args, _context(progress, call))
    except TimeoutError:
        if not limit.expired():
            return CallState.FAILED, f"{call.name}: timed out.", label
        return _timed_out(tool, call)
    except ToolFault as fault:
        return CallState.FAILED, clean(fault.message + (f" ({fault.help})" if fault.help else "")), label
    except Exception as error:
        # A plug-in may raise anything; the agent is told, the run goes on, and the log has the trace.
        log.exception("run %s: the tool %s broke", progress.at.run.id, call.name)
        return CallState.FAILED, clean(f"{call.name} broke: {type(error).__name__}: {error}"), label
    return CallState.DONE, clean(answer), label


def _timed_out(tool: Tool, call: Call) -> tuple[CallState, ToolAnswer, str]:
    seconds = f"{tool.spec.timeout_seconds:g}"
    if call.effect is Effect.PURE:
        return CallState.FAILED, f"{call.name}: stopped after {seconds} s, its limit.", "own"
    text = f"{call.name}: stopped after {seconds} s, its limit. Its outcome is unknown; verify before you repeat it."
    return CallState.UNKNOWN, text, "own"


def _context(progress: Progress, call: Call) -> ToolContext:
    job = progress.at.job
    assert job.workdir is not None, "the crontab's loader gives every job a workdir"
    return ToolContext(
        run_id=progress.at.run.id, job=job.name, workdir=job.workdir, key=call.key, env=dict(job.env)
    )


def clean(answer: ToolAnswer) -> ToolAnswer:
    """Return an answer that the API can carry: lone surrogates replaced, long text cut with a note."""
    if not isinstance(answer, str):
        return answer
    text = answer.encode("utf-8", "replace").decode("utf-8")
    if len(text) <= OUTPUT_LIMIT:
        return text
    dropped = len(text) - OUTPUT_LIMIT
    return f"{text[:OUTPUT_LIMIT]}\n[cut here: {dropped} more characters]"
