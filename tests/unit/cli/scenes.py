"""Homes in which something happened, made through the store and the executor as in real life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scheduler.core.job.standing import RunnerInfo
from scheduler.core.run.conversation import Call, CallState, Message, Request, Usage
from scheduler.core.run.run import Move
from scheduler.core.run.step import CallResult, Frame, Step
from scheduler.core.trust.effect import Effect
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World

START = datetime(2026, 11, 20, 7, 30, tzinfo=UTC)  # a Friday, 08:30 in Berlin

CRONTAB = """\
CRON_TZ = Europe/Berlin
BUDGET = 0.50/run 2/day
0 9 * * *    digest   "Summarise new issues"     model=rehearsal:digest.jsonl
@manual      review   "Review the pull request"  model=rehearsal:review.jsonl
@manual      writer   "Post the report"          model=rehearsal:writer.jsonl
*/30 * * * * gated    "Look"                     model=rehearsal:digest.jsonl gate=./no.sh
0 3 * * SUN  nightly  "Clean up"                 model=rehearsal:digest.jsonl enabled=no
"""


def files(world: World) -> None:
    """Write the scripts and the gate."""
    world.script(
        "digest", script().say("I look first.").call("read", file_path="todo.md").finish("All quiet.")
    )
    world.script(
        "review",
        script()
        .say("Not reviewed yet.")
        .sleep("tomorrow 09:00", "waiting for the reviewers")
        .finish("Reviewed."),
    )
    world.script("writer", script().finish("Verified: it was posted."))
    gate = world.config.crontab.parent / "no.sh"
    gate.write_text("#!/bin/sh\necho nothing new\nexit 1\n")
    gate.chmod(0o755)


async def load(world: World, crontab: str = CRONTAB) -> None:
    """Write the files and load the crontab."""
    files(world)
    await world.load(crontab)


async def busy(world: World) -> None:
    """A day: digests fire at nine, a review sleeps, a post was interrupted by a crash."""
    await load(world)
    world.clock.jump_to(START + timedelta(minutes=30))
    await world.settle()
    await world.fire("review")
    await world.settle()
    await interrupt(world)
    world.clock.advance(300)


async def interrupt(world: World, effect: Effect = Effect.OPAQUE) -> str:
    """Let a run of ``writer`` begin a call, and its process die; return the run's id."""
    run_id = await world.fire("writer")
    [lease] = await world.store.claim("runner-9", world.clock.now(), limit=1, lease_seconds=30, only=[run_id])
    now = world.clock.now()
    prompt = Message(1, "user", ({"type": "text", "text": "Post the report"},), "owner", now)
    opened = Request(1, lease.epoch, "claude-haiku-5-5", now)
    await world.store.commit(
        lease, Step(at=now, messages=(prompt,), opened=opened, frame=Frame("rehearsal:x", "s", ()))
    )
    world.clock.advance(2)
    now = world.clock.now()
    use = {"type": "tool_use", "id": "toolu_1", "name": "post", "input": {"text": "Numbers are up", "n": 3}}
    answer = Message(2, "assistant", ({"type": "text", "text": "I post it."}, use), "own", now, "tool_use")
    closed = Request(
        1, lease.epoch, "claude-haiku-5-5", opened.started_at, "answered", now, "req_1", "tool_use",
        Usage(1200, 80, 4000, 0), 12_345,
    )  # fmt: skip
    call = Call("toolu_1", 2, 0, "post", {"text": "Numbers are up", "n": 3}, effect, "key")
    await world.store.commit(
        lease, Step(at=now, messages=(answer,), planned=(call,), closed=closed, new_step=True)
    )
    await world.store.commit(lease, Step(at=now, started=("toolu_1",)))
    world.clock.advance(60)
    return run_id


async def give_up(world: World, run_id: str, reason: str = "the run has spent $0.50 of its $0.50") -> None:
    """Take the interrupted run back, settle its open call as unknown, and park it."""
    await world.store.rescue(world.clock.now(), ["runner-9"], 5)
    [lease] = await world.store.claim("runner-1", world.clock.now(), limit=1, lease_seconds=30, only=[run_id])
    now = world.clock.now()
    told = CallResult("toolu_1", CallState.UNKNOWN, "This call was interrupted. Its outcome is unknown.")
    await world.store.commit(lease, Step(at=now, results=(told,)))
    await world.store.commit(
        lease,
        Step(at=now, move=Move.PARK, reason=reason, reason_code="budget"),
    )


def runner(world: World, name: str = "d1", lock: str = "", pid: int = 4242) -> RunnerInfo:
    """A daemon of this host."""
    import socket

    now = world.clock.now()
    return RunnerInfo(name, "daemon", socket.gethostname(), pid, now, now, lock_path=lock)
