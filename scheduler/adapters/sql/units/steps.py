"""The fenced write of one step, and the checkpoint that it leaves.  Each function is one unit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import TextClause, text

from scheduler.adapters.sql import selects as queries
from scheduler.adapters.sql.connection import Connection, Row
from scheduler.adapters.sql.rows import trust as rows_of_trust
from scheduler.adapters.sql.rows import work as rows
from scheduler.adapters.sql.rows.work import maybe_us, plain, to_us
from scheduler.adapters.sql.states import sources
from scheduler.adapters.sql.units import budget_guard as room
from scheduler.adapters.sql.units import consents, follow_ups, records
from scheduler.adapters.sql.units import run_ended as finals
from scheduler.adapters.sql.words import (
    COUNT_LOST,
    INSERT_CALL,
    INSERT_MESSAGE,
    INSERT_NOTICE,
    INSERT_REQUEST,
    INSERT_WAKEUP,
    cancel_now,
    close_attempts,
    drop_wakeups,
    lose_requests,
)
from scheduler.core.record import canonical, digest
from scheduler.core.run.budget import day_start
from scheduler.core.run.checkpoint import CallResult, Checkpoint, Step
from scheduler.core.run.conversation import CLOSED_CALLS, Request
from scheduler.core.run.follow_up import root_of
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import FINAL, Move, transition
from scheduler.core.trust.effect import Effect
from scheduler.errors import LostLeaseError

_MINE = "id = :id AND epoch = :epoch AND state = 'running'"

_SUMS = (
    "steps = steps + :steps, claim_steps = claim_steps + :steps, last_seq = last_seq + :messages,"
    " cost_microusd = cost_microusd + :cost, tokens = tokens + :tokens,"
    " marks = coalesce(:marks, marks)"
)

_GO_ON = text(f"UPDATE runs SET {_SUMS} WHERE {_MINE} RETURNING job, last_seq, cancel_requested")


def _moving(move: Move) -> TextClause:
    """Return the fenced UPDATE of a step that gives the lease back."""
    target = transition(move).target
    end = "ended_at = :now" if target in FINAL else "slept_since = :now"
    if move is Move.SUSPEND:
        # Who reaches a sleep has made it: crashes of the months before are not held against the run.
        end += ", attempts = 0"
    # Who asked for a cancel gave a reason, and a run that rests next is cancelled with it.
    reason = ":reason" if target in FINAL else "CASE WHEN cancel_requested THEN reason ELSE :reason END"
    return text(
        f"UPDATE runs SET {_SUMS}, state = '{target}', lease_expires_at = NULL, {end}, free_claim = :free,"
        f" reason = {reason}, reason_code = :code, waiting_for = :waiting_for, wake_at = :wake_at,"
        " outcome = :outcome, summary = :summary"
        f" WHERE {_MINE} AND {sources(move)} RETURNING job, last_seq, cancel_requested"
    )


_FROM_RUNNING = (
    *(Move.SUSPEND, Move.FINISH, Move.FAIL, Move.BACK_OFF),
    *(Move.RELEASE, Move.PARK, Move.QUIET, Move.CANCEL),
)
_MOVE = {move: _moving(move) for move in _FROM_RUNNING}

_FRAME = text("UPDATE pins SET frame = :frame WHERE run_id = :id")
_TOLD = text("UPDATE runs SET woken = NULL WHERE id = :id")

# A closed call is never opened or answered again: its effect may have happened once already.
_OPEN = "run_id = :run_id AND id = :id AND state IN ('planned', 'started', 'waiting') RETURNING name, args"
_TAKE_BACK = text(f"UPDATE calls SET state = 'planned', started_at = NULL WHERE {_OPEN}")
_BEGIN_CALL = text(f"UPDATE calls SET state = :state, started_at = :now, rule = :rule WHERE {_OPEN}")
_END_CALL = text(
    "UPDATE calls SET state = :state, result = :result, provenance = :provenance, ended_at = :now,"
    " rule = CASE WHEN :rule = '' THEN rule ELSE :rule END"
    f" WHERE {_OPEN}"
)

_CLOSE_REQUEST = text(
    "UPDATE requests SET state = :state, ended_at = :ended_at, request_id = :request_id,"
    " stop_reason = :stop_reason, input_tokens = :input_tokens, output_tokens = :output_tokens,"
    " cache_read_tokens = :cache_read_tokens, cache_write_tokens = :cache_write_tokens,"
    " cost_microusd = :cost_microusd, cost_assumed = :cost_assumed, error = :error, summary = :summary,"
    " tokens = :tokens"
    " WHERE run_id = :run_id AND number = :number AND state = 'sent' RETURNING number"
)


def commit(connection: Connection, lease: Lease, step: Step) -> bool:
    """See ``Store.commit``.

    Raises:
        LostLeaseError: the epoch has moved on, or the run no longer runs.
        OverBudgetError: there is no room for the request that the step opens.
        ValueError: the step does not fit what is stored; a mistake of the caller, and nothing was written.
    """
    job, last_seq, cancel_asked = _fence(connection, lease, step)
    run_id = lease.run_id
    if step.messages:
        expected = range(last_seq - len(step.messages) + 1, last_seq + 1)
        if [message.seq for message in step.messages] != list(expected):
            raise ValueError(f"messages of run {run_id} must be numbered {list(expected)}")
        connection.execute(INSERT_MESSAGE, [rows.message_values(run_id, m) for m in step.messages])
    if step.frame is not None:
        connection.execute(_FRAME, {"id": run_id, "frame": rows.frame_text(step.frame)})
    if step.gate:
        records.append(connection, step.at, "gate", job, run_id)
    if step.told:
        connection.execute(_TOLD, {"id": run_id})
    if step.planned:
        connection.execute(INSERT_CALL, [rows.call_values(run_id, call) for call in step.planned])
        _note_effects(connection, job, run_id, step)
    consents.note(connection, job, run_id, step)
    _advance_calls(connection, job, run_id, step)
    for name in step.unmade:  # first: one that is cancelled leaves its name to another
        follow_ups.end(connection, name, step.at, f"cancelled by run {run_id}", run_id)
    for made in step.made:
        follow_ups.make(connection, made, step.at)
    if step.opened is not None:
        if step.cap is not None:
            room.require(connection, root_of(job), step.cap)
            room.require_in_fleet(connection, step.at)
        connection.execute(INSERT_REQUEST, rows.request_values(run_id, root_of(job), step.opened))
    if step.closed is not None:
        _close_request(connection, run_id, job, step.closed)
    if step.notices and not _is_old_news(connection, run_id, step):
        connection.execute(INSERT_NOTICE, _notices(run_id, job, step))
    return cancel_asked if step.move is None else _let_go(connection, lease, step, step.move, cancel_asked)


def _fence(connection: Connection, lease: Lease, step: Step) -> tuple[str, int, bool]:
    values: dict[str, Any] = {
        "id": lease.run_id,
        "epoch": lease.epoch,
        "steps": int(step.new_step),
        "messages": len(step.messages),
        "marks": step.marks,
        "cost": (step.closed.cost_microusd or 0) if step.closed else 0,
        "tokens": step.closed.tokens if step.closed else 0,
    }
    statement = _GO_ON
    if step.move is not None:
        if step.move not in _MOVE:
            raise ValueError(f"a step cannot {step.move.value}")
        statement = _MOVE[step.move]
        values |= {
            "now": to_us(step.at),
            "free": not step.keep_attempt,
            "reason": plain(step.reason),
            "code": step.reason_code,
            "waiting_for": plain(step.waiting_for),
            "wake_at": maybe_us(min((wakeup.due for wakeup in step.wakeups), default=None)),
            "outcome": step.outcome,
            "summary": plain(step.summary),
        }
    row = connection.execute(statement, values).first()
    if row is None:
        raise LostLeaseError(
            f"run {lease.run_id} is not held by {lease.runner} any more (epoch {lease.epoch} is over)"
        )
    return row[0], row[1], bool(row[2])


def _note_effects(connection: Connection, job: str, run_id: str, step: Step) -> None:
    """Record what is about to act: an effect waits until this record stands in the daily log."""
    for call in step.planned:
        if call.effect is not Effect.PURE or call.id in step.external:
            body = {"call": call.id, "tool": call.name, "args": digest(canonical(call.args))}
            records.append(connection, step.at, "planned", job, run_id, body)


def _advance_calls(connection: Connection, job: str, run_id: str, step: Step) -> None:
    now = to_us(step.at)
    for state, call_ids in (("started", step.started), ("waiting", step.waiting)):
        for call_id in call_ids:
            values = {"run_id": run_id, "id": call_id, "state": state, "now": now}
            values["rule"] = step.rules.get(call_id, "")
            name, args = _must_hit(connection, _BEGIN_CALL, values, "call")
            body = {"call": call_id, "tool": name, "args": digest(canonical(rows.load(args)))}
            records.append(connection, step.at, state, job, run_id, _with_rule(body, step.rules.get(call_id)))
    for call_id in step.again:
        records.append(connection, step.at, "started", job, run_id, {"call": call_id, "again": True})
    for call_id in step.taken_back:
        _must_hit(connection, _TAKE_BACK, {"run_id": run_id, "id": call_id}, "call")
        records.append(connection, step.at, "taken_back", job, run_id, {"call": call_id})
    for result in step.results:
        name, _ = _must_hit(connection, _END_CALL, _result(run_id, result, now), "call")
        body = {"call": result.call_id, "tool": name, "state": result.state.value}
        records.append(connection, step.at, "closed", job, run_id, _with_rule(body, result.rule))


def _with_rule(body: dict[str, str], rule: str | None) -> dict[str, str]:
    """Return what is recorded of a call together with the rule that let it act, or kept it from that."""
    return body | {"rule": rule} if rule else body


def _result(run_id: str, result: CallResult, now: int) -> dict[str, Any]:
    if result.state not in CLOSED_CALLS:
        raise ValueError(f"a result cannot leave call {result.call_id} {result.state}")
    return {
        "run_id": run_id,
        "id": result.call_id,
        "state": result.state.value,
        "result": rows.result_text(result.content),
        "provenance": plain(result.provenance),
        "rule": result.rule,
        "now": now,
    }


def _close_request(connection: Connection, run_id: str, job: str, request: Request) -> None:
    values = rows.request_values(run_id, job, request)
    _must_hit(connection, _CLOSE_REQUEST, {**values, "id": request.number}, "request")
    if request.state == "lost":
        connection.execute(COUNT_LOST, {"id": run_id})


def _must_hit(connection: Connection, statement: TextClause, values: dict[str, Any], what: str) -> Row:
    row = connection.execute(statement, values).first()
    if row is None:
        raise ValueError(f"run {values['run_id']} has no open {what} {values['id']}")
    return row


def _notices(run_id: str, job: str, step: Step) -> list[dict[str, Any]]:
    now = to_us(step.at)
    return [
        {
            "run_id": run_id,
            "job": job,
            "kind": notice.kind,
            "target": plain(notice.target),
            "body": plain(notice.body),
            "created_at": now,
            "state": "waiting",
            "due_at": now,
            "tries": 0,
            "runner": "",
            "sent_at": None,
            "error": "",
        }
        for notice in step.notices
    ]


# A key that is refused is probed every hour for a week, and the owner wants to hear of it once.
_SAID = text(
    "SELECT 1 FROM outbox o WHERE o.run_id = :id AND o.body = :body AND o.created_at >= coalesce("
    "(SELECT q.ended_at FROM requests q WHERE q.run_id = :id AND q.state = 'answered'"
    " ORDER BY q.number DESC LIMIT 1), 0) AND o.created_at >= coalesce("
    "(SELECT min(a.claimed_at) FROM attempts a WHERE a.run_id = :id"
    " AND a.number > (SELECT r.resumed_epoch FROM runs r WHERE r.id = :id)), 0) LIMIT 1"
)


def _is_old_news(connection: Connection, run_id: str, step: Step) -> bool:
    """Whether the owner knows that a run is parked for this very reason, and nothing has happened since."""
    if step.move is not Move.PARK:
        return False
    return all(
        connection.execute(_SAID, {"id": run_id, "body": plain(notice.body)}).first() is not None
        for notice in step.notices
    )


def _let_go(connection: Connection, lease: Lease, step: Step, move: Move, cancel_asked: bool) -> bool:
    """Do what belongs to the lease's release: in the same transaction, or a crash would lose the wake-up.

    Returns whether the run ended here because somebody had asked for it.
    """
    ids: Sequence[str] = [lease.run_id]
    close_attempts(connection, ids, step.at, move.value)
    lose_requests(connection, ids, step.at)
    drop_wakeups(connection, ids, step.at)
    if transition(move).target in FINAL:
        finals.ended(connection, lease.run_id, move, step.at)
        return False
    body = {"code": step.reason_code} if step.reason_code else {}
    records.append(connection, step.at, move.value, lease.job, lease.run_id, body)
    if cancel_asked:
        # Somebody asked while this step was being made: a run that sleeps would never look at its flag.
        cancel_now(connection, lease.run_id, step.at)
        finals.ended(connection, lease.run_id, Move.CANCEL, step.at)
        return True
    if step.wakeups:
        waits = [
            {
                "run_id": lease.run_id,
                "kind": wakeup.kind.value,
                "due": to_us(wakeup.due),
                "state": "open",
                "closed_at": None,
            }
            for wakeup in step.wakeups
        ]
        connection.execute(INSERT_WAKEUP, waits)
        consents.hurry(connection, lease.run_id, step)
    return False


_RUN = text(
    f"SELECT {rows.columns('r', rows.RUN_COLUMNS)}, r.woken, r.claim_steps, p.spec, p.frame"
    " FROM runs r JOIN pins p ON p.run_id = r.id"
    " WHERE r.id = :id AND r.epoch = :epoch AND r.state = 'running'"
)
_MESSAGES = text(queries.MESSAGES)
_LAST_CALLS = text(queries.LAST_CALLS)

# Each of these walks the requests of a run from the newest one backwards and stops at the first that fits:
# what a claim reads must not grow with the conversation.
_NEWEST = "ORDER BY number DESC LIMIT 1"
_REQUESTS = text(f"SELECT number FROM requests WHERE run_id = :id {_NEWEST}")
_FAILED_SINCE = text(
    "SELECT attempt FROM requests WHERE run_id = :id AND state = 'failed'"
    " AND attempt > (SELECT resumed_epoch FROM runs WHERE id = :id) AND number > coalesce("
    f"(SELECT number FROM requests WHERE run_id = :id AND state = 'answered' {_NEWEST}), 0)"
    " ORDER BY number"
)
_SUMMARY = text(
    f"SELECT number, covers, summary FROM requests WHERE run_id = :id AND summary IS NOT NULL {_NEWEST}"
)
_SENT_TOKENS = "input_tokens + cache_read_tokens + cache_write_tokens"
_MEASURED = (
    f"SELECT {_SENT_TOKENS} FROM requests WHERE run_id = :id AND state = 'answered' AND covers IS NULL"
    f" AND {_SENT_TOKENS} > 0 AND number > :since"
)
_WINDOW_TOKENS = text(f"{_MEASURED} {_NEWEST}")
_FIRST_TOKENS = text(f"{_MEASURED} ORDER BY number LIMIT 1")
_TOKENS_BEFORE = text(f"{_MEASURED} AND number < :futile {_NEWEST}")
_FUTILE = text(
    "SELECT number FROM requests WHERE run_id = :id AND covers IS NOT NULL AND summary IS NULL"
    f" AND state IN ('answered', 'failed') AND number > :since {_NEWEST}"
)
_SPENT = text(queries.SPENT)
_APPROVALS = text(queries.RUN_APPROVALS)
_GRANTS = text(queries.GRANTS)


def checkpoint(connection: Connection, lease: Lease, now: datetime) -> Checkpoint:
    """See ``Store.checkpoint``."""
    values = {"id": lease.run_id, "epoch": lease.epoch}
    row = connection.execute(_RUN, values).first()
    if row is None:
        raise LostLeaseError(f"run {lease.run_id} is not held by {lease.runner} any more")
    *run_columns, woken, claim_steps, spec, frame = row
    run, job = rows.run_from(run_columns), rows.job_from(spec)
    spent = connection.execute(
        _SPENT, {"job": root_of(run.job), "since": to_us(day_start(now, job.tz))}
    ).one()
    # Failures of one attempt count once: they were blips that its own retries did not get over.
    failed = [attempt for attempt, _ in groupby(connection.execute(_FAILED_SINCE, values).scalars())]
    number, covers, summary = connection.execute(_SUMMARY, values).first() or (0, 0, None)
    window_tokens, base_tokens = _sizes(connection, lease.run_id, number)
    values["after"] = covers
    return Checkpoint(
        run=run,
        job=job,
        frame=rows.frame_from(frame),
        summary=None if summary is None else rows.load(summary),
        messages=tuple(map(rows.message_from, connection.execute(_MESSAGES, values))),
        window_tokens=window_tokens,
        base_tokens=base_tokens,
        calls=tuple(map(rows.call_from, connection.execute(_LAST_CALLS, values))),
        woken=rows.woken_from(woken),
        approvals=tuple(map(rows_of_trust.approval_from, connection.execute(_APPROVALS, values))),
        stained=consents.is_stained(connection, job.workdir),
        trust_now=consents.trust_of_line(connection, root_of(run.job)),
        always=tuple(map(rows_of_trust.grant_from, connection.execute(_GRANTS, {"job": run.job}))),
        failures=len(failed),
        failed_attempt=failed[-1] if failed else 0,
        requests=connection.execute(_REQUESTS, values).scalar() or 0,
        steps=claim_steps,
        spent_day_microusd=int(spent[0]),
        spent_day_tokens=int(spent[1]),
    )


def _sizes(connection: Connection, run_id: str, since: int) -> tuple[int, int]:
    """Return the size of the window now, and the one that its growth is counted from.

    Args:
        since: the request that gave the present summary; 0: none did.
    """
    values = {"id": run_id, "since": since}
    window = connection.execute(_WINDOW_TOKENS, values).scalar() or 0
    futile = connection.execute(_FUTILE, values).scalar()
    if futile is None:
        return window, connection.execute(_FIRST_TOKENS, values).scalar() or 0
    return window, connection.execute(_TOKENS_BEFORE, {**values, "futile": futile}).scalar() or 0
