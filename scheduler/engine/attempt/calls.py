"""Tool calls: recorded as started before they act, and answered whatever happens to them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Block, Call, CallState
from scheduler.core.run.step import CallResult, Step
from scheduler.core.run.turn import Limits, RunCalls, next_step
from scheduler.core.text.capped import MAX_OUTPUT_BYTES, capped, sendable_json
from scheduler.core.trust.effect import Effect
from scheduler.core.trust.judge import Facts
from scheduler.crash import crashpoint
from scheduler.engine.attempt.arguments import refusals
from scheduler.engine.attempt.decisions import Decisions, Reach, decide_calls, facts, recounted, stains
from scheduler.engine.attempt.requests import acts
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.services import Services
from scheduler.errors import ConfigError, ToolFault, ToolLostError
from scheduler.ports.tool import InsideTool, ToolAnswer, ToolContext
from scheduler.ports.toolset import Toolbox

log = logging.getLogger("agentcron")

OUTPUT_BYTES = MAX_OUTPUT_BYTES + 1_000
"""How much of a result goes to the model: with room for a tool's own last line about what it has cut."""

MAX_BLOCKS = 100
MAX_BLOCK_BYTES = 4_000_000
"""For all blocks of a result together; a picture or a document goes with every request from then on."""

INTERRUPTED = (
    "This call was interrupted: the process died while it was under way. Its outcome is unknown, and it was "
    "not repeated. Verify whether it happened before you repeat it."
)


async def begin_pure(
    services: Services, checkpoint: Checkpoint, tools: Toolbox, limits: Limits, step: Step
) -> tuple[Step, Decisions | None]:
    """Let the calls of an answer begin in its own commit, when all of them are pure and simply allowed.

    They wait for no record in the log, and a crash leaves nothing in doubt.  Whatever could keep the answer
    from being stored (a guard, a question, an unreadable policy) leaves them to ``run_calls``.
    """
    following = next_step(
        checkpoint.apply(step), limits, lambda name: isinstance(tools.get(name), InsideTool)
    )
    if not isinstance(following, RunCalls) or len(following.fresh) < len(step.planned):
        return step, None
    if any(acts(call, tools) for call in step.planned) or refusals(following, tools):
        return step, None
    try:
        decisions = decide_calls(services, checkpoint, tools, step.planned, await facts(services, checkpoint))
    except ConfigError:
        return step, None
    if len(decisions.allowed) < len(step.planned) or decisions.guards(None) or decisions.changes():
        return step, None
    started = tuple(call.id for call in decisions.allowed)
    return replace(step, started=started, rules=decisions.rules, marks=decisions.marks or None), decisions


async def run_calls(
    services: Services,
    writer: RunWriter,
    tools: Toolbox,
    fresh: Sequence[Call],
    doubtful: Sequence[Call],
    begun: Decisions | None = None,
) -> Decisions | None:
    """Do the fresh calls side by side, and settle the doubtful ones by their effect class.

    Each result is committed as it comes, so that a crash loses at most the calls still under way.
    Returns the docket when nothing is left to do before a person has answered.

    Args:
        begun: what ``begin_pure`` has let begin: these calls look doubtful, and this very attempt does them.

    Raises:
        ConfigError: the trust file or the job's profile is wrong; nothing was done.
        DayLogError: the daily log cannot be written, so no call was begun.
        FactsChangedError: another run or a person was faster; nothing was done, and all is to be judged anew.
    """
    if begun is None:
        known = await facts(services, writer.checkpoint)
        again = decide_calls(services, writer.checkpoint, tools, doubtful, recounted(known, doubtful))
        decisions = await _begun(services, writer, tools, known, fresh, doubtful)
        if decisions.is_waiting and not doubtful:
            return decisions
    else:
        decisions, again, doubtful = begun, Decisions(), ()
    calls = {call.id: call for call in writer.checkpoint.calls}
    async with asyncio.TaskGroup() as group:
        for call in decisions.allowed:
            group.create_task(_do(services, writer, tools, calls[call.id], decisions.reach[call.id]))
        for call in doubtful:
            group.create_task(_settle_doubt(services, writer, tools, call, again))
    return None


async def _begun(
    services: Services,
    writer: RunWriter,
    tools: Toolbox,
    known: Facts,
    fresh: Sequence[Call],
    doubtful: Sequence[Call],
) -> Decisions:
    """Judge the fresh calls, and record which of them begin; one durable record before any effect."""
    checkpoint = writer.checkpoint
    decisions = decide_calls(services, checkpoint, tools, fresh, known)
    if decisions.is_waiting and not doubtful:
        return decisions
    acting = any(acts(call, tools) for call in decisions.allowed)
    if acting or any(acts(call, tools) for call in doubtful):
        # That it was planned stands in the log before it is marked as started: when the log fails, it is
        # sure that nothing acted.
        await services.daylog.sync()
        crashpoint("log")
    if decisions.allowed or decisions.refused:
        step = Step(
            at=services.clock.now(),
            started=tuple(call.id for call in decisions.allowed),
            rules=decisions.rules,
            results=tuple(decisions.refused),
            marks=decisions.marks,
            guards=decisions.guards(checkpoint.job.workdir if acting else None),
            changes=(*decisions.changes(), *stains(checkpoint, decisions, tools)),
        )
        await writer.commit(step)
    return decisions


async def _do(services: Services, writer: RunWriter, tools: Toolbox, call: Call, reach: Reach) -> None:
    if services.halted() is not None:
        # It was recorded as started and has not acted, which we know for certain: it may act later.
        await writer.commit(Step(at=services.clock.now(), taken_back=(call.id,)))
        return
    state, content, label = await _outcome(writer, tools, call, reach)
    crashpoint("W10")
    result = CallResult(call.id, state, content, label)
    await writer.commit(Step(at=services.clock.now(), results=(result,)))


async def _settle_doubt(
    services: Services, writer: RunWriter, tools: Toolbox, call: Call, again: Decisions
) -> None:
    if services.halted() is not None:
        return  # a probe looks at the world: it waits, too
    tool = tools.get(call.name)
    happened = "unknown"
    reach = again.reach.get(call.id)
    if call.effect is Effect.PURE and (tool is None or isinstance(tool, InsideTool)):
        happened, reach = "did_not_happen", Reach()
    elif tool is None or isinstance(tool, InsideTool) or reach is None:
        # It may have acted under what held then; under what holds now it may neither act nor look.
        log.warning("run %s: %s is not settled: it may not act any more", writer.checkpoint.run.id, call.name)
    elif call.effect in (Effect.PURE, Effect.KEYED):
        happened = "did_not_happen"
    elif call.effect is Effect.PROBE:
        try:
            async with asyncio.timeout(tool.spec.timeout_seconds):
                happened = await tool.probe(call.args, _context(writer, call, reach))
        except Exception as error:  # a plug-in may raise anything, and then nothing is known
            log.warning("run %s: the probe of %s failed: %s", writer.checkpoint.run.id, call.name, error)
    if happened == "did_not_happen" and reach is not None:
        if acts(call, tools):
            await writer.commit(Step(at=services.clock.now(), again=(call.id,)))
        await _do(services, writer, tools, call, reach)
        return
    if happened == "happened":
        result = CallResult(call.id, CallState.DONE, "Interrupted, but it happened: verified.", "own")
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
        # A plug-in may raise anything; the agent is told, the run goes on, and the log has the trace.
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
    """Return an answer that the API can carry: no lone surrogates, long text cut with a note.

    Raises:
        TypeError: it is neither a text nor blocks in JSON.
        ValueError: it is too much, or holds what JSON cannot carry.
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
