"""The beginning of calls: the one way from a call that was asked for to one that may act.

Our own loop does its calls itself, and the agent of a foreign backend does them behind the desk.  Both begin
them here, and both record what became of them here, so that the order is written once:

1. *Judged.*  All calls of a message together, on facts that are read now and not when they were asked for
   (why #58): the grants that stand, what was used today, what the run has met, private data in the workdir.
   What was begun by a process that died is judged once more (why #54).  Nothing is written yet.
2. *Logged.*  When one of them may act, the daily log is synced.  It already holds that they were planned.  A
   log that cannot be written lets nothing begin, and then it is certain that nothing acted (why #44).
3. *Started.*  One commit marks them as started.  Its guards look at the facts of the judge again, in the
   transaction: a grant that was revoked, a share that others took or a stain that came meanwhile refuses
   the commit (FactsChangedError), and all is judged once more.  Refused calls get their result in it.
4. *Acts.*  The halt file is looked at a last time.  A call that it stops is taken back: it was recorded as
   started, and certainly has not acted.
5. *Recorded.*  Each result is a commit of its own, as it comes; the last one brings the message that answers
   them all.

What a process that dies leaves behind, by the windows of ``docs/lifecycle.md``:

- before 3 (W6, ``log``): the calls are planned.  They are judged and begun as if nothing had happened.
- between 3 and 5 (W8 to W10): the calls are started and have no result.  Nobody can tell whether they acted,
  so the effect class decides: pure and keyed ones are begun once more (``again``, with the same key), a
  probe looks, and of an opaque one the agent is told that its outcome is unknown.  Nothing is repeated on a
  guess.
- after 5 (W11, W12): the result is stored, and the call is closed.

Where all calls of an answer are pure and simply allowed, step 3 is a part of the commit of the answer
(``begin_pure``): there is nothing that a log would have to know of, and nothing that a crash leaves in doubt.
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
"""Effect classes whose calls may be begun once more when nobody can tell whether they acted."""

INTERRUPTED = (
    "This call was interrupted: the process died while it was under way. Its outcome is unknown, and it was "
    "not repeated. Verify whether it happened before you repeat it."
)


@dataclass(frozen=True, slots=True)
class Begun:
    """What was begun.

    Args:
        fresh: what the judge said of the calls that had not begun; the allowed ones are started by now.
        again: what it says today of those that began before a process died; nothing of it is written.
    """

    fresh: Decisions = field(default_factory=Decisions)
    again: Decisions = field(default_factory=Decisions)


def acts(call: Call, tools: Toolbox) -> bool:
    """Whether a call may act by itself; one that happens inside a commit may not."""
    tool = tools.get(call.name)
    declared = None if tool is None or isinstance(tool, InsideTool) else tool.spec
    return may_act(call.effect, declared)


def planned(run_id: str, message: Message, tools: Toolbox) -> tuple[Call, ...]:
    """Return the rows of the calls that a message of the agent asks for."""
    blocks = [block for block in message.content if block.get("type") == "tool_use"]
    return tuple(
        _planned(run_id, message.seq, position, block, tools) for position, block in enumerate(blocks)
    )


def _planned(run_id: str, seq: int, position: int, block: Block, tools: Toolbox) -> Call:
    call_id, name, args = str(block["id"]), str(block["name"]), block.get("input")
    tool = tools.get(name)
    # A tool that is not there cannot act, and one inside a commit happens with its record or not at all.
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
    """Let the calls of an answer begin in its own commit, when all of them are pure and simply allowed.

    Whatever could keep the answer from being stored (a guard, a question, an unreadable policy) leaves them
    to ``begin_calls``.
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
    """Judge calls, have the log on the disk, and mark those as started that may begin.

    When nothing can be done before a person answers or another day comes, nothing is written.

    Raises:
        ConfigError: the trust file or the job's profile is wrong; nothing was begun.
        DayLogError: the daily log cannot be written; nothing was begun.
        FactsChangedError: another run or a person was faster; nothing was begun, and all is judged once more.
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
    """Record that a call is begun once more, which may have acted: its effect class allows that."""
    if acts(call, tools):
        await writer.commit(Step(at=services.clock.now(), again=(call.id,)))


async def is_stopped(services: Services, writer: RunWriter, call: Call, *, is_fresh: bool) -> bool:
    """Whether a call must not act after all, because the home was halted.

    Args:
        is_fresh: it has certainly not acted, so it is planned again and may act later; one in doubt stays so.
    """
    if services.halted() is None:
        return False
    if is_fresh:
        await writer.commit(Step(at=services.clock.now(), taken_back=(call.id,)))
    return True


async def record(services: Services, writer: RunWriter, result: CallResult) -> None:
    """Write what became of a call."""
    crashpoint("W10")
    await writer.commit(Step(at=services.clock.now(), results=(result,)))
