"""Checkpoints made by hand, for tests of decisions that need no store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from scheduler.core.job.job import Job
from scheduler.core.run.cause import BY_SCHEDULE
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Call, CallState, Message
from scheduler.core.run.run import Run, State
from scheduler.core.run.turn import Limits
from scheduler.core.run.wakeup import Waking, Woken
from scheduler.core.time.trigger import Manual
from scheduler.core.trust.effect import Effect

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LIMITS = Limits(max_steps=50, run_microusd=500_000, day_microusd=5_000_000)
CONTROL = frozenset({"sleep", "note", "finish"})
NEWS = Woken(Waking.PERSON, START, payload="hello")
TIME = Woken(Waking.TIME, START)


def is_control(name: str) -> bool:
    """Tell as the toolbox would."""
    return name in CONTROL


def job(**more: Any) -> Job:
    """Return a job in Berlin."""
    return Job("job", Manual(), "Do it.", tz="Europe/Berlin", **more)


def running(**more: Any) -> Run:
    """Return a run at work."""
    return replace(Run("abcd2345", "job", State.RUNNING, BY_SCHEDULE, START, START, epoch=1), **more)


def user(seq: int = 1, text: str = "Do it.") -> Message:
    """Return a message of the user."""
    return Message(seq, "user", ({"type": "text", "text": text},), "owner", START)


def assistant(stop: str, text: str = "", seq: int = 2) -> Message:
    """Return an answer of the model."""
    return Message(seq, "assistant", ({"type": "text", "text": text},), "own", START, stop)


def call(name: str, state: CallState = CallState.PLANNED, position: int = 0) -> Call:
    """Return a call of the last answer."""
    return Call(f"id-{name}-{position}", 2, position, name, {}, Effect.PURE, "key", state)


def at(*messages: Message, calls: tuple[Call, ...] = (), **more: Any) -> Checkpoint:
    """Return a checkpoint; what belongs to its run is given as ``cost`` and ``tokens``."""
    run = running(cost_microusd=more.pop("cost", 0), tokens=more.pop("tokens", 0))
    return Checkpoint(run=run, job=job(), messages=messages, calls=calls, **more)
