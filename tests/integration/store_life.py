"""A run's whole life in one store, to be killed at every crash point; prints what each kill left behind.

Run as a program with an empty folder: for each point it forks, arms the point, lives, dies, and looks.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scheduler.adapters.sql.backup_mark import MARK, mark_text
from scheduler.adapters.sql.crash_points import CRASH_POINTS
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.adapters.sql.store import SqlStore
from scheduler.core.actor import PERSON
from scheduler.core.changes.follow_up import FollowUp, MakeFollowUp
from scheduler.core.changes.notify import Notify
from scheduler.core.job.firing import Decision, Fire
from scheduler.core.job.job import Job
from scheduler.core.job.standing import RunnerInfo, StandingOrders
from scheduler.core.run.conversation import Call, CallState, Message, Request
from scheduler.core.run.event import Event
from scheduler.core.run.notice import Notice
from scheduler.core.run.run import LIVE, Move
from scheduler.core.run.step import CallResult, Step
from scheduler.core.run.wakeup import WakeUp, Waking
from scheduler.core.time.clocks import Jump
from scheduler.core.time.trigger import Every
from scheduler.core.trust.effect import Effect
from scheduler.core.trust.marks import Marks
from scheduler.crash import VARIABLE

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PUSH = Event("repo:push", NOON + timedelta(seconds=201), "delivery-1", "main", "{}")
JOB = Job("brief", Every("1h", name="brief"), "Say hello.")


def _at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def _open(path: Path) -> SqlStore:
    ids = itertools.count(1)
    return SqliteDatabase(path).open_store(lambda: f"a{next(ids):03}")


def _message(seq: int, kind: str) -> Message:
    role: Any = "assistant" if kind == "tool_use" else "user"
    return Message(seq, role, ({"type": kind, "text": "x"},), "own", NOON)


def _follow_up(run_id: str) -> FollowUp:
    job = Job("brief/look", Every("1h", name="brief/look"), "Look again.")
    return FollowUp(job, run_id, "t1", "pending", Marks.of("untrusted"), NOON, _at(86_400), fires_left=3)


def life(run_id: str) -> list[Step]:
    """Return the steps of an agent that calls one tool, is summed up, makes a follow-up, and then sleeps."""
    call = Call("t1", 2, 0, "shell", {}, Effect.OPAQUE, "k1")
    later = Call("t2", 2, 1, "schedule", {}, Effect.PURE, "k2")
    closed = Request(1, 1, "m", _at(3), "answered", _at(4))
    asked = Request(2, 1, "m", _at(7), covers=1)
    summed = replace(asked, state="answered", ended_at=_at(8), summary={"type": "compaction", "content": "x"})
    return [
        Step(at=_at(2), messages=(_message(1, "text"),)),
        Step(at=_at(3), opened=Request(1, 1, "m", _at(3))),
        Step(
            at=_at(4),
            messages=(_message(2, "tool_use"),),
            planned=(call, later),
            closed=closed,
            new_step=True,
        ),
        Step(at=_at(5), started=("t1",)),
        Step(at=_at(6), results=(CallResult("t1", CallState.DONE, "ok"),)),
        Step(
            at=_at(6),
            started=("t2",),
            results=(CallResult("t2", CallState.DONE, "made"),),
            changes=(MakeFollowUp(_follow_up(run_id)),),
        ),
        Step(at=_at(7), messages=(_message(3, "tool_result"),)),
        Step(at=_at(7), opened=asked),
        Step(at=_at(8), closed=summed),
        Step(at=_at(8), told=True),
        Step(at=_at(9), move=Move.SUSPEND, wakeups=(WakeUp(Waking.TIME, due=_at(100)),)),
    ]


async def live(path: Path) -> None:
    """Pass every crash point at least once."""
    store = _open(path)
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (MARK, mark_text(NOON)))
    connection.close()
    await store.settle_restore(NOON, "boot", _at(3600))
    await store.load_orders(StandingOrders((JOB,)), NOON)
    await store.enter(RunnerInfo("r1", "daemon", "host", 1, NOON, NOON))
    await store.fire(JOB, lambda _: Decision((Fire(_at(1), "fire"),), _at(3600)), _at(1))
    [lease] = await store.claim("r1", _at(1), limit=1, lease_seconds=30)
    await store.renew([lease], _at(2), 30)
    for step in life(lease.run_id):
        await store.commit(lease, step)
    await store.wake_due(_at(100), 9)
    await store.claim("r1", _at(101), limit=1, lease_seconds=30)
    await store.rescue(_at(200), [], 9)
    [lease] = await store.claim("r1", _at(201), limit=1, lease_seconds=30)
    await store.commit(lease, Step(at=_at(201), move=Move.SUSPEND, wakeups=(WakeUp(PUSH.kind, "main"),)))
    await store.take_event(PUSH)
    [lease] = await store.claim("r1", _at(202), limit=1, lease_seconds=30)
    told = Notify(Notice("report", "mail", "done"))
    await store.commit(lease, Step(at=_at(202), move=Move.FINISH, changes=(told,)))
    [pending] = await store.take_notices("r1", _at(203), 9)
    await store.settle_notice(pending.id, _at(204), "", None)
    await store.queue_notice(Notice("push", "topic", "The crontab is broken."), _at(205), "brief")
    await store.pause("brief", "by a person", _at(205), actor=PERSON)
    await store.record_jump(Jump("set_back", _at(206), _at(100), 106), {"brief": _at(3600)})
    await store.prune(_at(90 * 86_400))
    await store.close()


async def recover(path: Path) -> None:
    """Do what the next daemon does, until nothing is left to do."""
    store = _open(path)
    now = _at(1000)
    await store.load_orders(StandingOrders((JOB,)), now)
    await store.fire(JOB, lambda _: Decision((Fire(_at(1), "fire"),), _at(3600)), now)
    await store.rescue(now, ["r1"], 9)
    await store.wake_due(now, 9)
    await store.take_event(replace(PUSH, at=now))  # its source was not answered, and sends it once more
    for lease in await store.claim("r2", now, limit=9, lease_seconds=30):
        await store.checkpoint(lease, now)
        await store.commit(lease, Step(at=now, move=Move.FINISH))
    await store.close()


def events_of(path: Path) -> int:
    """Return how many events are on record."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def look(path: Path, point: str) -> dict[str, Any]:
    """Return what the point left, before and after the recovery."""
    connection = sqlite3.connect(path)
    [sound] = connection.execute("PRAGMA integrity_check").fetchone()
    events = events_of(path)
    before = [state for (state,) in connection.execute("SELECT state FROM runs")]
    connection.close()
    asyncio.run(recover(path))
    with SqliteDatabase(path).history() as reader:
        runs = reader.runs(limit=100)
        calls = [call.state.value for run in runs for call in reader.calls(run.id)]
        return {
            "point": point,
            "sound": sound,
            "runs": len(runs),
            "live": sum(run.state in LIVE for run in runs),
            "states": [run.state.value for run in runs],
            "messages": sum(len(reader.messages(run.id)) for run in runs),
            "calls": calls,
            "events_before": events,
            "states_before": before,
            "events": events_of(path),
        }


def main(folder: Path) -> None:
    """Kill one child at each point and print one JSON line for it."""
    for number, point in enumerate(CRASH_POINTS):
        path = folder / f"{number}.db"
        child = os.fork()
        if child == 0:
            os.environ[VARIABLE] = point
            asyncio.run(live(path))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(json.dumps({"killed": killed, **look(path, point)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
