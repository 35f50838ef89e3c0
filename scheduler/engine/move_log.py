"""The move log: log every move of a run, and notify the observers of this process.

The code that committed a move reports it: the tick, the claim, and the commit of a step.  What a person does
with another command is printed by that command.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import Move, Run, State, transition
from scheduler.core.run.step import Step
from scheduler.core.run.turn import usd
from scheduler.core.run.wakeup import Waking, earliest
from scheduler.core.text.safe import safe_text
from scheduler.core.time.instants import to_iso
from scheduler.ports.observer import Moved, Observer
from scheduler.ports.store.queue import Rescued, Roused

log = logging.getLogger("agentcron")

EVENTS: dict[Move, tuple[str, str]] = {
    Move.FIRE: ("run.fired", "fired"),
    Move.SKIP: ("run.skipped", "skipped"),
    Move.QUIET: ("run.quiet", "was skipped by its gate"),
    Move.CLAIM: ("run.claimed", "started"),
    Move.SUSPEND: ("run.suspended", "is sleeping"),
    Move.FINISH: ("run.finished", "succeeded"),
    Move.FAIL: ("run.failed", "failed"),
    Move.BACK_OFF: ("run.retrying", "is retrying"),
    Move.RELEASE: ("run.released", "is queued again: its runner stopped"),
    Move.RESCUE: ("run.rescued", "was taken from its runner"),
    Move.BURY: ("run.buried", "was abandoned"),
    Move.PARK: ("run.parked", "is parked"),
    Move.WAKE: ("run.woke", "woke"),
    Move.EXPIRE: ("run.expired", "failed"),
    Move.CANCEL: ("run.cancelled", "was cancelled"),
}
"""The log entry of each move: its ``event`` for machines, and words for people.

Two moves are not here: ``retry`` is made by ``agentcron resume``, and ``restore`` by the first opening of a
backup, for all runs at once and with one line.
"""

MAX_REASON = 300
"""The maximum of a reason in the log; ``show`` has all of it."""

_WARNINGS = frozenset({Move.FAIL, Move.RESCUE, Move.BURY, Move.PARK, Move.EXPIRE})
_FIRED = {State.SKIPPED: Move.SKIP, State.CANCELLED: Move.CANCEL}
_TAKEN = {State.FAILED: Move.BURY, State.CANCELLED: Move.CANCEL}


class MoveLog:
    """Report what a process does; exceptions of an observer are logged only.

    Args:
        aloud: false writes no lines about moves: the command prints its one run itself.
    """

    def __init__(self, *observers: Observer, aloud: bool = True) -> None:
        self._observers = observers
        self._aloud = aloud

    # -- moves ------------------------------------------------------------------------------------
    def fired(self, run: Run, now: datetime) -> None:
        """Report a row that the firing of a job has created, or a run that it has replaced."""
        move = _FIRED.get(run.state, Move.FIRE)
        late = (now - run.fire_time).total_seconds() if move is Move.FIRE else None
        self._moved(_of(run, move, now, late_seconds=late, wake_at=run.not_before))

    def roused(self, woke: Roused, now: datetime) -> None:
        """Report a wake-up that came due."""
        move = Move.EXPIRE if woke.state is State.FAILED else Move.WAKE
        late = (now - woke.due).total_seconds()
        about: dict[str, Any] = {"reason": woke.reason, "reason_code": str(woke.kind), "late_seconds": late}
        self._moved(Moved(move, woke.run_id, woke.job, woke.state, now, **about))

    def rescued(self, taken: Rescued, now: datetime) -> None:
        """Report a run that was taken back from a runner that died or stopped responding."""
        move = _TAKEN.get(taken.state, Move.RESCUE)
        about: dict[str, Any] = {
            "runner": taken.runner,
            "reason": f"runner {taken.runner} died or stopped responding",
        }
        self._moved(Moved(move, taken.run_id, taken.job, taken.state, now, **about))
        self._tell(lambda observer: observer.abandoned(taken, now))

    def claimed(self, lease: Lease, checkpoint: Checkpoint, now: datetime) -> None:
        """Report the start of an attempt."""
        about = {"runner": lease.runner}
        if checkpoint.woken is not None:
            about["reason_code"] = str(checkpoint.woken.kind)
            about["reason"] = "resumed by a person" if checkpoint.woken.kind == Waking.PERSON else ""
        self._moved(_of(checkpoint.run, Move.CLAIM, now, **about))
        self._tell(lambda observer: observer.claimed(checkpoint, now))

    def committed(self, before: Checkpoint, step: Step, now: Checkpoint, *, cancelled: bool) -> None:
        """Report a step of a claimed run; ``cancelled``: a pending cancel ended the run there."""
        self._tell(lambda observer: observer.stepped(before, step, now))
        if self._aloud and step.messages and step.messages[-1].role == "assistant":
            _say_step(now)
        if step.move is None:
            return
        self._moved(
            _of(
                now.run,
                step.move,
                step.at,
                state=transition(step.move).target,
                reason=step.reason or step.waiting_for or step.summary,
                reason_code=step.reason_code,
                wake_at=earliest(step.wakeups),
            )
        )
        if cancelled:
            self._moved(
                _of(now.run, Move.CANCEL, step.at, state=State.CANCELLED, reason_code=ReasonCode.CANCELLED)
            )

    @property
    def is_listened_to(self) -> bool:
        """Whether any observer wants the text of answers while it is produced."""
        return any(type(observer).said is not Observer.said for observer in self._observers)

    def said(self, run: Run, delta: str) -> None:
        """See a piece of text that an agent has just produced; secrets were taken out of it."""
        self._tell(lambda observer: observer.said(run, delta))

    def lease_lost(self, run: Run, now: datetime) -> None:
        """Report that another runner owns a run now."""
        said = {"event": "run.lease_lost", "run": run.id, "job": run.job}
        log.warning("run %s: the lease is lost; another runner owns the run", run.id, extra=said)
        self._tell(lambda observer: observer.lease_lost(run, run.epoch, now))

    # -- the process itself -----------------------------------------------------------------------
    def loaded(self, jobs: int, problem: str = "") -> None:
        """Report that the crontab was read, or why the last good one stays."""
        self._tell(lambda observer: observer.loaded(jobs, problem))

    def passed(self, jobs: int, running: int, next_due: datetime | None) -> None:
        """Report a whole pass without errors."""
        self._tell(lambda observer: observer.passed(jobs, running, next_due))

    def troubled(self, problem: str) -> None:
        """Report that the database cannot be used."""
        self._tell(lambda observer: observer.troubled(problem))

    def beat(self, monotonic: float) -> None:
        """Report that the runner's loop is alive."""
        self._tell(lambda observer: observer.beat(monotonic))

    def _moved(self, moved: Moved) -> None:
        if self._aloud:
            _say(moved)
        self._tell(lambda observer: observer.moved(moved))

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        for observer in self._observers:
            try:
                tell(observer)
            except Exception as error:
                # An error of an observer must not affect agents.
                log.warning("%s broke: %s: %s", type(observer).__name__, type(error).__name__, error)


def _of(run: Run, move: Move, at: datetime, **more: Any) -> Moved:
    about = {"reason": run.reason, "reason_code": run.reason_code, "state": run.state, "epoch": run.epoch}
    return Moved(move, run.id, run.job, at=at, cost_microusd=run.cost_microusd, **{**about, **more})


def _say(moved: Moved) -> None:
    _, words = EVENTS[moved.move]
    if moved.move is Move.FIRE:
        line = f"job {moved.job} fired run {moved.run_id}"
    elif moved.move is Move.SKIP:
        line = f"job {moved.job} skipped"
    else:
        line = f"run {moved.run_id} of {moved.job} {words}"
    if moved.wake_at is not None:
        line += f" until {to_iso(moved.wake_at)}" if moved.move is not Move.FIRE else ""
    if moved.reason:
        line += f": {_in_one_line(moved.reason)}"
    if moved.cost_microusd and moved.state is not State.RUNNING:
        line += f" ({usd(moved.cost_microusd)} so far)"
    log.log(logging.WARNING if moved.move in _WARNINGS else logging.INFO, "%s", line, extra=_fields(moved))


def _fields(moved: Moved) -> dict[str, Any]:
    """Return the fields for a machine; unknown ones are left out."""
    fields: dict[str, Any] = {
        "event": EVENTS[moved.move][0],
        "run": moved.run_id,
        "job": moved.job,
        "state": moved.state.value,
        "reason": _in_one_line(moved.reason),
        "reason_code": moved.reason_code,
        "wake_at": to_iso(moved.wake_at) if moved.wake_at else "",
        "runner": moved.runner,
    }
    fields = {name: value for name, value in fields.items() if value}
    if moved.move not in (Move.FIRE, Move.SKIP, Move.WAKE, Move.EXPIRE, Move.RESCUE, Move.BURY):
        fields["cost_usd"] = moved.cost_microusd / 1_000_000
    if moved.late_seconds is not None:
        fields["late_seconds"] = round(moved.late_seconds, 3)
    return fields


def _in_one_line(text: str) -> str:
    """Return a reason on one line: written by an agent, it must not look like another line."""
    shown = safe_text(text)
    return shown if len(shown) <= MAX_REASON else f"{shown[: MAX_REASON - 1]}…"


def _say_step(checkpoint: Checkpoint) -> None:
    """Log one line for an answer, so that a daemon's output shows what its agents do."""
    calls = ", ".join(call.name for call in checkpoint.calls) or "no tool"
    run = checkpoint.run
    log.info(
        "run %s of %s: step %d, calls %s; %s so far",
        run.id,
        run.job,
        run.steps,
        calls,
        usd(run.cost_microusd),
        extra={
            "event": "run.step",
            "run": run.id,
            "job": run.job,
            "cost_usd": run.cost_microusd / 1_000_000,
        },
    )
