"""Convert rows of runs and their parts, for the store and the plain reader.  Without SQLAlchemy.

An instant is stored as an integer: microseconds since 1970 UTC.  JSON is stored as text whose order is kept,
so that a message is replayed as it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from scheduler.adapters.sql.rows.jobs import job_from as job_from
from scheduler.core.job.job import Job
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.job.standing import RunnerInfo, Standing
from scheduler.core.job.stored import job_to_json
from scheduler.core.run.cause import Cause
from scheduler.core.run.conversation import Attempt, Call, CallState, Message, Request, Usage
from scheduler.core.run.run import Run, State
from scheduler.core.run.step import Frame
from scheduler.core.trust.effect import Effect
from scheduler.core.trust.marks import Marks

Row = Sequence[Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_STATES = {state.value: state for state in State}

_CAUSE = ("cause", "cause_key")
RUN_COLUMNS = tuple(name for f in fields(Run) for name in (_CAUSE if f.name == "cause" else (f.name,)))
MESSAGE_COLUMNS = ("seq", "role", "content", "provenance", "created_at", "stop_reason")
CALL_COLUMNS = tuple(f.name for f in fields(Call))
ATTEMPT_COLUMNS = tuple(f.name for f in fields(Attempt))
RUNNER_COLUMNS = tuple(f.name for f in fields(RunnerInfo))
STANDING_COLUMNS = (*(f.name for f in fields(Standing)), "enabled")
REQUEST_COLUMNS = (
    *("number", "attempt", "model", "started_at", "state", "ended_at", "request_id", "stop_reason"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_microusd"),
    *("cost_assumed", "error", "covers", "summary", "reserved_microusd", "tokens"),
)

DISABLED = "enabled=no in the crontab"
"""What is shown as the reason of a job that its crontab switches off."""


def to_us(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970.

    Raises:
        TypeError: it is naive, so nobody knows which instant it is.
    """
    return (instant - _EPOCH) // _MICROSECOND


def maybe_us(instant: datetime | None) -> int | None:
    """Return ``to_us`` of an instant, or None."""
    return None if instant is None else (instant - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=4096)
def from_us(number: int) -> datetime:
    """Return the aware UTC instant that ``to_us`` stored; kept, because many rows share one."""
    return _EPOCH + timedelta(microseconds=number)


def maybe_from_us(number: int | None) -> datetime | None:
    """Return ``from_us`` of a number, or None."""
    return None if number is None else from_us(number)


def dump(value: Any) -> str:
    """Return JSON text that ``load`` reads back to an equal value, in the same order.

    Text is kept readable; a lone surrogate, which no UTF-8 column can hold, is written as an escape.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def load(text: str) -> Any:
    """Return the value of a JSON text."""
    return json.loads(text)


def plain(text: str) -> str:
    """Return a text that any database takes in a text column: lone surrogates and NULs become ``?``."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def columns(table: str, names: Iterable[str]) -> str:
    """Return a SQL column list."""
    return ", ".join(f"{table}.{name}" for name in names)


def run_from(row: Row) -> Run:
    """Return the run of a row of RUN_COLUMNS."""
    # fmt: off
    (
        run_id, job, state, cause, cause_key, fire_time, created_at, epoch, attempts, not_before, started_at,
        ended_at, wake_at, waiting_for, reason, code, outcome, summary, missed, last_missed, cancel_requested,
        steps, cost_microusd, unknown_cost_requests, marks, tokens,
    ) = row
    # fmt: on
    return Run(
        run_id,
        job,
        _STATES[state],
        Cause(cause, cause_key),
        from_us(fire_time),
        from_us(created_at),
        epoch,
        attempts,
        maybe_from_us(not_before),
        maybe_from_us(started_at),
        maybe_from_us(ended_at),
        maybe_from_us(wake_at),
        waiting_for,
        reason,
        _code_from(code, reason),
        outcome,
        summary,
        missed,
        maybe_from_us(last_missed),
        bool(cancel_requested),
        steps,
        cost_microusd,
        unknown_cost_requests,
        Marks.parse(marks),
        tokens,
    )


_TOKEN_CODES: dict[str, str] = {
    ReasonCode.BUDGET: ReasonCode.BUDGET_TOKENS,
    ReasonCode.BUDGET_DAY: ReasonCode.BUDGET_DAY_TOKENS,
    ReasonCode.BUDGET_FLEET: ReasonCode.BUDGET_FLEET_TOKENS,
}


def _code_from(code: str, reason: str) -> str:
    """Return a stored code; older versions wrote one for both units, told apart by the sentence alone."""
    return _TOKEN_CODES.get(code, code) if reason.endswith(" tokens") else code


def standing_from(row: Row) -> Standing:
    """Return the standing of a row of STANDING_COLUMNS; a job switched off by its crontab reads as paused."""
    name, schedule, zone, state, first, next_fire, problem, paused_reason, paused_at, failures, enabled = row
    if state == "active" and not enabled:
        state, paused_reason = "paused", DISABLED
    return Standing(
        name,
        schedule,
        zone,
        state,
        from_us(first),
        maybe_from_us(next_fire),
        problem,
        paused_reason,
        maybe_from_us(paused_at),
        failures,
    )


def message_from(row: Row) -> Message:
    """Return the message of a row of MESSAGE_COLUMNS."""
    seq, role, content, provenance, created_at, stop_reason = row
    return Message(seq, role, tuple(load(content)), provenance, from_us(created_at), stop_reason)


def message_values(run_id: str, message: Message) -> dict[str, Any]:
    """Return the columns of a message."""
    return {
        "run_id": run_id,
        "seq": message.seq,
        "role": message.role,
        "content": dump(list(message.content)),
        "provenance": plain(message.provenance),
        "created_at": to_us(message.created_at),
        "stop_reason": message.stop_reason,
    }


def result_text(result: str | Sequence[Mapping[str, Any]] | None) -> str | None:
    """Return the JSON text of a call's result, or None while it has none."""
    if result is None:
        return None
    return dump(result if isinstance(result, str) else list(result))


def call_from(row: Row) -> Call:
    """Return the call of a row of CALL_COLUMNS."""
    call_id, seq, position, name, args, effect, key, state, result, provenance, rule, started_at, ended_at = (
        row
    )
    content = None if result is None else load(result)
    return Call(
        call_id,
        seq,
        position,
        name,
        load(args),
        Effect(effect),
        key,
        CallState(state),
        tuple(content) if isinstance(content, list) else content,
        provenance,
        rule,
        maybe_from_us(started_at),
        maybe_from_us(ended_at),
    )


def call_values(run_id: str, call: Call) -> dict[str, Any]:
    """Return the columns of a call."""
    return {
        "run_id": run_id,
        "id": call.id,
        "message_seq": call.message_seq,
        "position": call.position,
        "name": plain(call.name),
        "args": dump(call.args),
        "effect": call.effect.value,
        "key": call.key,
        "state": call.state.value,
        "result": result_text(call.result),
        "provenance": plain(call.provenance),
        "rule": call.rule,
        "started_at": maybe_us(call.started_at),
        "ended_at": maybe_us(call.ended_at),
    }


def request_from(row: Row) -> Request:
    """Return the request of a row of REQUEST_COLUMNS."""
    number, attempt, model, started, state, ended, request_id, stop, *rest = row
    *usage, cost, assumed, error, covers, summary, reserved, tokens = rest
    return Request(
        number,
        attempt,
        model,
        from_us(started),
        state,
        maybe_from_us(ended),
        request_id,
        stop,
        Usage(*usage),
        cost,
        bool(assumed),
        error,
        covers,
        None if summary is None else load(summary),
        reserved,
        tokens,
    )


def request_values(run_id: str, job: str, request: Request) -> dict[str, Any]:
    """Return the columns of a request."""
    usage = request.usage
    return {
        "run_id": run_id,
        "number": request.number,
        "job": job,
        "attempt": request.attempt,
        "model": request.model,
        "started_at": to_us(request.started_at),
        "state": request.state,
        "ended_at": maybe_us(request.ended_at),
        "request_id": request.request_id,
        "stop_reason": request.stop_reason,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "cost_microusd": request.cost_microusd,
        "cost_assumed": request.cost_assumed,
        "error": plain(request.error),
        "covers": request.covers,
        "summary": None if request.summary is None else dump(request.summary),
        "reserved_microusd": request.reserved_microusd,
        "tokens": request.tokens,
    }


def attempt_from(row: Row) -> Attempt:
    """Return the attempt of a row of ATTEMPT_COLUMNS."""
    number, epoch, runner, claimed_at, released_at, ended_as = row
    return Attempt(number, epoch, runner, from_us(claimed_at), maybe_from_us(released_at), ended_as)


def job_text(job: Job) -> str:
    """Return a job as JSON text."""
    return dump(job_to_json(job))


def slots_text(job: Job) -> str:
    """Return the JSON text of all that decides when a job fires; how it was written does not count."""
    return dump({key: value for key, value in job.trigger.to_json().items() if key != "text"})


def frame_text(frame: Frame) -> str:
    """Return a frame as JSON text."""
    pins = {} if frame.pins is None else {"pins": dict(frame.pins)}
    return dump({"model": frame.model, "system": frame.system, "tools": list(frame.tools), **pins})


def frame_from(text: str | None) -> Frame | None:
    """Return what ``frame_text`` wrote."""
    if text is None:
        return None
    values = load(text)
    return Frame(values["model"], values["system"], tuple(values["tools"]), values.get("pins"))


def runner_from(row: Row) -> RunnerInfo:
    """Return the runner of a row of RUNNER_COLUMNS."""
    runner_id, kind, host, pid, started_at, seen_at, crontab, lock_path, stopped_at = row
    return RunnerInfo(
        runner_id,
        kind,
        host,
        pid,
        from_us(started_at),
        from_us(seen_at),
        crontab,
        lock_path,
        maybe_from_us(stopped_at),
    )


def runner_values(runner: RunnerInfo) -> dict[str, Any]:
    """Return the columns of a runner."""
    return {
        "id": runner.id,
        "kind": runner.kind,
        "host": plain(runner.host),
        "pid": runner.pid,
        "started_at": to_us(runner.started_at),
        "seen_at": to_us(runner.seen_at),
        "crontab": plain(runner.crontab),
        "lock_path": plain(runner.lock_path),
        "stopped_at": maybe_us(runner.stopped_at),
    }
