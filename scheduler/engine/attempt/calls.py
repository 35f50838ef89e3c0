"""Execute tool calls: recorded as started before they act, and always answered."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence

from scheduler.core.run.conversation import Block, Call, CallState
from scheduler.core.run.step import CallResult, Step
from scheduler.core.text.capped import MAX_OUTPUT_BYTES, capped, sendable_json
from scheduler.core.trust.effect import Effect
from scheduler.engine.attempt.begin import (
    INTERRUPTED,
    REPEATABLE,
    Begun,
    begin_again,
    begin_calls,
    is_stopped,
    record,
)
from scheduler.engine.attempt.decisions import Decisions, Reach
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.services import Services
from scheduler.errors import ToolFault, ToolLostError
from scheduler.ports.tool import InsideTool, ToolAnswer, ToolContext
from scheduler.ports.toolset import Toolbox

log = logging.getLogger("agentcron")

OUTPUT_BYTES = MAX_OUTPUT_BYTES + 1_000
"""The maximum of a result for the model, including a tool's own last line about a cut."""

MAX_BLOCKS = 100
MAX_BLOCK_BYTES = 4_000_000
"""The maximum of all blocks of a result; an image or a document is sent with every later request."""


async def run_calls(
    services: Services,
    writer: RunWriter,
    tools: Toolbox,
    fresh: Sequence[Call],
    doubtful: Sequence[Call],
    begun: Begun | None = None,
) -> Decisions | None:
    """Execute the fresh calls concurrently, and settle the doubtful ones by their effect class.

    Each result is committed as it comes, so that a crash loses at most the calls still under way.
    Returns the decisions if nothing is left to do before a person has answered.

    Args:
        begun: the calls started by ``begin_pure``: they look doubtful, and are executed by this attempt.

    Raises:
        ConfigError, DayLogError, FactsChangedError: as for ``begin_calls``; nothing was done.
    """
    if begun is None:
        begun = await begin_calls(services, writer, tools, fresh, doubtful)
        if begun.fresh.is_waiting and not doubtful:
            return begun.fresh
    else:
        doubtful = ()
    stored = {call.id: call for call in writer.checkpoint.calls}
    async with asyncio.TaskGroup() as group:
        for call_id, reach in begun.fresh.reach.items():
            group.create_task(_do(services, writer, tools, stored[call_id], reach))
        for call in doubtful:
            group.create_task(_settle_doubt(services, writer, tools, call, begun.again))
    return None


async def _do(
    services: Services, writer: RunWriter, tools: Toolbox, call: Call, reach: Reach, *, is_fresh: bool = True
) -> None:
    if await is_stopped(services, writer, call, is_fresh=is_fresh):
        return
    state, content, label = await _outcome(writer, tools, call, reach)
    await record(services, writer, CallResult(call.id, state, content, label))


async def _settle_doubt(
    services: Services, writer: RunWriter, tools: Toolbox, call: Call, again: Decisions
) -> None:
    if services.halted() is not None:
        return  # a probe accesses the outside: it waits, too
    tool = tools.get(call.name)
    happened = "unknown"
    reach = again.reach.get(call.id)
    if call.effect is Effect.PURE and (tool is None or isinstance(tool, InsideTool)):
        happened, reach = "did_not_happen", Reach()
    elif tool is None or isinstance(tool, InsideTool) or reach is None:
        # It may have acted under the rules of that time; under the present rules it may neither act nor
        # probe.
        log.warning("run %s: %s is not settled: it may not act any more", writer.checkpoint.run.id, call.name)
    elif call.effect in REPEATABLE:
        happened = "did_not_happen"
    elif call.effect is Effect.PROBE:
        try:
            async with asyncio.timeout(tool.spec.timeout_seconds):
                happened = await tool.probe(call.args, _context(writer, call, reach))
        except Exception as error:  # a plug-in may raise anything, and then the outcome stays unknown
            log.warning("run %s: the probe of %s failed: %s", writer.checkpoint.run.id, call.name, error)
    if happened == "did_not_happen" and reach is not None:
        await begin_again(services, writer, tools, call)
        await _do(services, writer, tools, call, reach, is_fresh=False)
    elif happened == "happened":
        result = CallResult(call.id, CallState.DONE, "Interrupted, but it happened: verified.", "own")
        await writer.commit(Step(at=services.clock.now(), results=(result,)))
    else:
        result = CallResult(call.id, CallState.UNKNOWN, INTERRUPTED, "own")
        await writer.commit(Step(at=services.clock.now(), results=(result,)))


async def _outcome(
    writer: RunWriter, tools: Toolbox, call: Call, reach: Reach
) -> tuple[CallState, ToolAnswer, str]:
    tool = tools.get(call.name)
    if tool is None or isinstance(tool, InsideTool):
        names = ", ".join(tools)
        return CallState.FAILED, f"There is no tool named {call.name!r}. There are: {names}.", "own"
    label, hidden = tool.spec.provenance, writer.secrets.hidden
    try:
        async with asyncio.timeout(tool.spec.timeout_seconds) as limit:
            answer = await tool.call(call.args, _context(writer, call, reach))
            answer = clean(hidden(answer))  # in this order: a cut would leave half a secret
    except TimeoutError:
        if not limit.expired():
            return CallState.FAILED, f"{call.name}: timed out.", label
        return _cut_off(call, f"stopped after {tool.spec.timeout_seconds:g} s, its limit", "own")
    except ToolLostError as error:
        log.warning("run %s: %s: %s", writer.checkpoint.run.id, call.name, error.message)
        return _cut_off(call, str(clean(hidden(error.message))), label)
    except ToolFault as fault:
        told = fault.message + (f" ({fault.help})" if fault.help else "")
        return CallState.FAILED, clean(hidden(told)), label
    except Exception as error:
        # A plug-in may raise anything; the agent is told, the run continues, and the log has the trace.
        log.exception("run %s: the tool %s broke", writer.checkpoint.run.id, call.name)
        return CallState.FAILED, clean(hidden(f"{call.name} broke: {type(error).__name__}: {error}")), label
    return CallState.DONE, answer, label


def _cut_off(call: Call, why: str, label: str) -> tuple[CallState, ToolAnswer, str]:
    if call.effect is Effect.PURE:
        return CallState.FAILED, f"{call.name}: {why}.", label
    unknown = "Its outcome is unknown; verify before you repeat it."
    return CallState.UNKNOWN, f"{call.name}: {why}. {unknown}", label


def _context(writer: RunWriter, call: Call, reach: Reach) -> ToolContext:
    job = writer.checkpoint.job
    assert job.workdir is not None, "the crontab's loader gives every job a workdir"
    return ToolContext(
        run_id=writer.checkpoint.run.id,
        job=job.name,
        workdir=job.workdir,
        key=call.key,
        env=dict(job.env),
        hosts=reach.hosts,
        network=reach.network,
        secret=lambda name: writer.secrets.value(job, name),
    )


def clean(answer: ToolAnswer) -> ToolAnswer:
    """Return an answer that the API accepts: no lone surrogates, long text cut with a note.

    Raises:
        TypeError: it is neither a text nor blocks in JSON.
        ValueError: it is too large, or contains what JSON cannot represent.
    """
    if isinstance(answer, str):
        return capped(answer, OUTPUT_BYTES)
    if not isinstance(answer, tuple | list) or not all(isinstance(block, Mapping) for block in answer):
        raise TypeError(f"it returned {type(answer).__name__}, neither a text nor a tuple of blocks")
    if len(answer) > MAX_BLOCKS:
        raise ValueError(f"it returned {len(answer)} blocks, more than {MAX_BLOCKS}")
    blocks = tuple(_clean_block(block) for block in answer)
    size = sum(len(json.dumps(block)) for block in blocks)
    if size > MAX_BLOCK_BYTES:
        raise ValueError(f"it returned {size:,} bytes in blocks, more than {MAX_BLOCK_BYTES:,}")
    return blocks


def _clean_block(block: Block) -> Block:
    kept = dict(block)
    if isinstance(kept.get("text"), str):
        kept["text"] = capped(kept["text"], OUTPUT_BYTES)
    clean_block: Block = sendable_json(kept)
    return clean_block
