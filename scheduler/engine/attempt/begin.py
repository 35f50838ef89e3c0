"""Begin calls: the only path from a requested call to one that may act.

Our own loop executes its calls itself, and the agent of a foreign backend does so behind the desk.  Both
begin their calls here, and record the results here, so that the order is defined once:

1. *Judged.*  All calls of a message together, on facts that are read now and not when they were requested
   (why #58): valid grants, today's use, the marks of the run, private data in the workdir.
   Calls that a dead process had started are judged again (why #54).  Nothing is written yet.
2. *Logged.*  If one of them may act, the daily log is synced.  It already has the records of the planned
   calls.  If the log cannot be written, nothing begins, and certainly nothing acted (why #44).
3. *Started.*  One commit marks them as started.  Its guards check the facts of the judge again, in the
   transaction: a revoked grant, a limit used up by others or a new mark of the workdir refuses
   the commit (FactsChangedError), and everything is judged again.  Refused calls get their result in it.
4. *Acts.*  The halt file is checked a last time.  A call that it stops is taken back: it was recorded as
   started, and certainly has not acted.
5. *Recorded.*  Each result is a separate commit; the last one includes the message that answers
   all of them.

The state after a crash, by the windows of ``docs/lifecycle.md``:

- before 3 (W6, ``log``): the calls are planned.  They are judged and begun normally.
- between 3 and 5 (W8 to W10): the calls are started and have no result.  Whether they acted is unknown,
  so the effect class decides: pure and keyed ones are started again (``again``, with the same key), a
  probe checks, and for an opaque one the agent is told that its outcome is unknown.  Nothing is repeated on a
  guess.
- after 5 (W11, W12): the result is stored, and the call is closed.

If all calls of an answer are pure and simply allowed, step 3 is a part of the commit of the answer
(``begin_pure``): the log needs no record of them, and a crash leaves nothing in doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Block, Call, Message
from scheduler.core.run.step import CallResult, Step
from scheduler.core.run.turn import Limits, RunCalls, next_step
from scheduler.core.trust.effect import Effect, call_key, may_act
from scheduler.crash import crashpoint
from scheduler.engine.attempt.arguments import refusals
from scheduler.engine.attempt.decisions import Decisions, decide_calls, facts, recounted, stains
from scheduler.engine.attempt.writer import RunWriter
from scheduler.engine.services import Services
from scheduler.errors import ConfigError
from scheduler.ports.tool import InsideTool
from scheduler.ports.toolset import Toolbox

REPEATABLE = (Effect.PURE, Effect.KEYED)
"""Effect classes whose calls may be started again if it is unknown whether they acted."""

INTERRUPTED = (
    "This call was interrupted: the process died while it was under way. Its outcome is unknown, and it was "
    "not repeated. Verify whether it happened before you repeat it."
)


@dataclass(frozen=True, slots=True)
class Begun:
    """The result of beginning calls.

    Args:
        fresh: the verdicts on calls that had not started; the allowed ones are started now.
        again: the present verdicts on calls that a dead process had started; nothing of it is written.
    """

    fresh: Decisions = field(default_factory=Decisions)
    again: Decisions = field(default_factory=Decisions)


def acts(call: Call, tools: Toolbox) -> bool:
    """Whether a call may act by itself; one that happens inside a commit may not."""
    tool = tools.get(call.name)
    declared = None if tool is None or isinstance(tool, InsideTool) else tool.spec
    return may_act(call.effect, declared)


def planned(run_id: str, message: Message, tools: Toolbox) -> tuple[Call, ...]:
    """Return the rows of the calls in a message of the agent."""
    blocks = [block for block in message.content if block.get("type") == "tool_use"]
    return tuple(
        _planned(run_id, message.seq, position, block, tools) for position, block in enumerate(blocks)
    )


def _planned(run_id: str, seq: int, position: int, block: Block, tools: Toolbox) -> Call:
    call_id, name, args = str(block["id"]), str(block["name"]), block.get("input")
    tool = tools.get(name)
    # A missing tool cannot act, and one inside a commit happens with its record or not at all.
    effect = Effect.PURE if tool is None or isinstance(tool, InsideTool) else tool.spec.effect
    return Call(
        id=call_id,
        message_seq=seq,
        position=position,
        name=name,
        args=args if isinstance(args, dict) else {},
        effect=effect,
        key=call_key(run_id, call_id),
    )


async def begin_pure(
    services: Services, checkpoint: Checkpoint, tools: Toolbox, limits: Limits, step: Step
) -> tuple[Step, Begun | None]:
    """Begin the calls of an answer in its own commit, if all of them are pure and simply allowed.

    Anything that could prevent the answer from being stored (a guard, a question, an unreadable policy) is
    left to ``begin_calls``.
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
    step = replace(step, started=started, rules=decisions.rules, marks=decisions.marks or None)
    return step, Begun(decisions)


async def begin_calls(
    services: Services,
    writer: RunWriter,
    tools: Toolbox,
    fresh: Sequence[Call],
    doubtful: Sequence[Call] = (),
) -> Begun:
    """Judge calls, sync the log, and mark those as started that may begin.

    If nothing can be done before a person answers or another day comes, nothing is written.

    Raises:
        ConfigError: the trust file or the job's profile is wrong; nothing was begun.
        DayLogError: the daily log cannot be written; nothing was begun.
        FactsChangedError: another run or a person changed the facts; nothing was begun, and all is judged
            again.
    """
    checkpoint = writer.checkpoint
    known = await facts(services, checkpoint)
    again = decide_calls(services, checkpoint, tools, doubtful, recounted(known, doubtful))
    decisions = decide_calls(services, checkpoint, tools, fresh, known)
    begun = Begun(decisions, again)
    if decisions.is_waiting and not doubtful:
        return begun
    acting = any(acts(call, tools) for call in decisions.allowed)
    if acting or any(acts(call, tools) for call in doubtful):
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
    return begun


async def begin_again(services: Services, writer: RunWriter, tools: Toolbox, call: Call) -> None:
    """Record that a call that may have acted is started again: its effect class allows that."""
    if acts(call, tools):
        await writer.commit(Step(at=services.clock.now(), again=(call.id,)))


async def is_stopped(services: Services, writer: RunWriter, call: Call, *, is_fresh: bool) -> bool:
    """Whether a call must not act because the home was halted.

    Args:
        is_fresh: it has certainly not acted, so it is planned again and may act later; one in doubt stays so.
    """
    if services.halted() is None:
        return False
    if is_fresh:
        await writer.commit(Step(at=services.clock.now(), taken_back=(call.id,)))
    return True


async def record(services: Services, writer: RunWriter, result: CallResult) -> None:
    """Write the result of a call."""
    crashpoint("W10")
    await writer.commit(Step(at=services.clock.now(), results=(result,)))
