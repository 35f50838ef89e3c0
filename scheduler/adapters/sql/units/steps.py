"""The fenced write of one step: all that it changes, in one transaction, or nothing.

A step is a value (why #5). `commit` is the only place that writes one, and it is a unit of the committer:
the transaction around it, the sync and the acknowledgement are explained in ``sqlite/committer``. What a
step writes, in this order:

1. **The fence.** The first statement is on the run's own row, and names its id, the epoch of the lease and
   the state ``running``. The epoch grows with every claim, so a runner that was suspended or cut off hits
   no row after another has claimed the run: it gets LostLeaseError, nothing of its step is written, and it
   must not act again. A step that changes the run's row carries the fence in its UPDATE; one that does not,
   such as a request that is opened, only looks, because under the write lock a look excludes others as
   well. The same statement adds to the counters of the run and returns the flag of a cancel, so that a
   runner learns of it without a query of its own.
2. **The guards.** What the step was decided on was read earlier, possibly long ago. A guard names one such
   fact: a grant stands, a share of the day is free, a folder is clean, the day affords a request. The room
   of its kind reads the fact again in this transaction (why #58, why #63). One that no longer holds raises
   FactsChangedError or OverBudgetError, the unit is undone, and the engine reads, judges and decides again.
   That is sound because writing units of one home are serialised: no other unit can change the fact between
   the guard and the commit.
3. **The spine.** Messages, which must follow the stored ones without a gap; the frame, stored once per
   content and pinned by its hash; new calls; moves of calls; the results. A call that is closed is never
   opened or answered again, which the statements enforce by their WHERE: its effect may have happened. A
   result whose message is in the same step is stored in the message alone.
4. **The changes.** What capabilities write together with the step, each by its room, in the order of the
   step (why #63): a notice, a follow-up, a question, a plug-in's own row.
5. **The request** that is opened or closed. It is on record before it is sent (why #15).
6. **The release**, when the step moves the run out of ``running``: the attempt is closed, old wake-ups are
   dropped, the new ones written, and events that came during the attempt are looked back for (why #66).
   State, wake-ups and lease change together; if they did not, a crash between them could leave a sleeper
   without a wake-up. A cancel that a person asked for meanwhile is carried out here, as a run at rest reads
   no flag.

Records of the daily log are only noted here, and written with the transaction (``records``). A call that
may act is recorded when it is planned, and the log is synced before the call is marked as started (why
#44).

**A crash.** Before the commit nothing of the step exists: the run is found as the step before left it, and
its lease runs out or its runner is found dead. After the commit everything of it exists, and whoever claims
the run next goes on from there; that the old runner got no answer does not matter. What was done outside
between two commits is the engine's matter: a request without an answer counts as lost, a call that was
started and has no result is in doubt, and its effect class decides. `crash_points_of` names the window of
turn W2 to W14 that a step closes (``docs/lifecycle.md``); a test kills at both of its points.

`Checkpoint.apply` computes in memory what this module writes (why #4), and a contract test compares the
two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import TextClause, text

from scheduler.adapters.sql import crash_points
from scheduler.adapters.sql.connection import Connection, Row
from scheduler.adapters.sql.crash_points import UnitPoints
from scheduler.adapters.sql.rooms import Rooms
from scheduler.adapters.sql.rows import work as rows
from scheduler.adapters.sql.rows.wakeups import wakeup_values
from scheduler.adapters.sql.rows.work import maybe_us, plain, to_us
from scheduler.adapters.sql.states import sources
from scheduler.adapters.sql.units import events, records, run_ended
from scheduler.adapters.sql.words import (
    COUNT_LOST,
    INSERT_CALL,
    INSERT_MESSAGE,
    INSERT_REQUEST,
    INSERT_WAKEUP,
    cancel_now,
    close_attempts,
    drop_wakeups,
    lose_requests,
    many,
)
from scheduler.core.changes.follow_up import root_of
from scheduler.core.record import canonical, digest
from scheduler.core.run.checkpoint import begun
from scheduler.core.run.conversation import CLOSED_CALLS, Request, results_in
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import FINAL, Move, transition
from scheduler.core.run.step import CallResult, Step
from scheduler.core.run.wakeup import earliest
from scheduler.core.trust.effect import Effect
from scheduler.errors import LostLeaseError
from scheduler.ports.room import StepContext

_MINE = "id = :id AND epoch = :epoch AND state = 'running'"

_SUMS = (
    "steps = steps + :steps, claim_steps = claim_steps + :steps, last_seq = last_seq + :messages,"
    " cost_microusd = cost_microusd + :cost, tokens = tokens + :tokens,"
    " marks = coalesce(:marks, marks), woken = CASE WHEN :told THEN NULL ELSE woken END"
)

_GO_ON = text(f"UPDATE runs SET {_SUMS} WHERE {_MINE} RETURNING job, last_seq, cancel_requested")
# Writing units are serialised (see `Connection`): a look is as good a fence as an UPDATE, which would write
# the row for nothing.
_LOOK = text(f"SELECT job, last_seq, cancel_requested FROM runs WHERE {_MINE}")


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

_KEEP_FRAME = text("INSERT INTO frames (hash, frame) VALUES (:hash, :frame) ON CONFLICT (hash) DO NOTHING")
_PIN_FRAME = text("UPDATE pins SET frame_hash = :hash WHERE run_id = :id")

# A closed call is never opened or answered again: its effect may have happened once already.
_OPEN = "run_id = :run_id AND id = :id AND state IN ('planned', 'started', 'waiting') RETURNING name, args"
_TAKE_BACK = text(f"UPDATE calls SET state = 'planned', started_at = NULL WHERE {_OPEN}")
_BEGIN_CALL = text(f"UPDATE calls SET state = :state, started_at = :now, rule = :rule WHERE {_OPEN}")
_END_CALL = text(
    "UPDATE calls SET state = :state, result = :result, provenance = :provenance, ended_at = :now,"
    " rule = CASE WHEN :rule = '' THEN rule ELSE :rule END"
    f" WHERE {_OPEN}"
)
# Its message holds it from now on, and it is stored once; readers look there (``with_results``).
_TOLD = text(
    "UPDATE calls SET result = NULL WHERE run_id = :run_id AND id IN :ids AND result IS NOT NULL"
).bindparams(many("ids"))

_CLOSE_REQUEST = text(
    "UPDATE requests SET state = :state, ended_at = :ended_at, request_id = :request_id,"
    " stop_reason = :stop_reason, input_tokens = :input_tokens, output_tokens = :output_tokens,"
    " cache_read_tokens = :cache_read_tokens, cache_write_tokens = :cache_write_tokens,"
    " cost_microusd = :cost_microusd, cost_assumed = :cost_assumed, error = :error, summary = :summary,"
    " tokens = :tokens"
    " WHERE run_id = :run_id AND number = :number AND state = 'sent' RETURNING number"
)


def commit(connection: Connection, lease: Lease, step: Step, rooms: Rooms) -> bool:
    """See ``Store.commit``.

    Raises:
        LostLeaseError: the epoch has moved on, or the run no longer runs.
        FactsChangedError: a guard does not hold, or a change was decided on facts that are over.
        OverBudgetError: there is no room for the request that the step opens.
        ValueError: the step does not fit what is stored; a mistake of the caller, and nothing was written.
    """
    job, last_seq, cancel_asked = _fence(connection, lease, step)
    run_id = lease.run_id
    context = StepContext(job, run_id, step.at, step.move)
    if step.guards:
        rooms.check(connection, context, step.guards)
    if step.messages:
        expected = range(last_seq - len(step.messages) + 1, last_seq + 1)
        if [message.seq for message in step.messages] != list(expected):
            raise ValueError(f"messages of run {run_id} must be numbered {list(expected)}")
        connection.execute(INSERT_MESSAGE, [rows.message_values(run_id, m) for m in step.messages])
    if step.frame is not None:
        frame = rows.frame_text(step.frame)
        frame_hash = digest(frame)
        connection.execute(_KEEP_FRAME, {"hash": frame_hash, "frame": frame})
        connection.execute(_PIN_FRAME, {"id": run_id, "hash": frame_hash})
    if step.planned:
        calls = [rows.call_values(run_id, begun(call, step)) for call in step.planned]
        connection.execute(INSERT_CALL, calls)
        _note_effects(connection, job, run_id, step)
    _advance_calls(connection, job, run_id, step)
    if step.changes:
        rooms.write(connection, context, step.changes)
    if step.opened is not None:
        connection.execute(INSERT_REQUEST, rows.request_values(run_id, root_of(job), step.opened))
    if step.closed is not None:
        _close_request(connection, run_id, job, step.closed)
    return cancel_asked if step.move is None else _let_go(connection, lease, step, step.move, cancel_asked)


def crash_points_of(step: Step) -> UnitPoints:
    """Return the crash points of the window that a step closes: the last one of a turn that it contains."""
    if step.move is not None:
        return crash_points.W13 if step.move is Move.SUSPEND else crash_points.W14
    if any(result.call_id in step.started for result in step.results):
        return crash_points.STAGED
    if any(message.role == "assistant" for message in step.messages):
        return crash_points.W6
    if step.started:
        return crash_points.W8
    if step.messages:
        blocks = step.messages[-1].content
        is_answer = any(block.get("type") == "tool_result" for block in blocks)
        return crash_points.W12 if is_answer else crash_points.W2
    if step.results:
        return crash_points.W11
    if step.closed is not None and step.closed.summary is not None:
        return crash_points.COMPACTED
    return crash_points.OPENED if step.opened else crash_points.STEP


def _fence(connection: Connection, lease: Lease, step: Step) -> tuple[str, int, bool]:
    values: dict[str, Any] = {
        "id": lease.run_id,
        "epoch": lease.epoch,
        "steps": int(step.new_step),
        "messages": len(step.messages),
        "marks": None if step.marks is None else str(step.marks),
        "cost": (step.closed.cost_microusd or 0) if step.closed else 0,
        "tokens": step.closed.tokens if step.closed else 0,
        "told": step.told,
    }
    is_only_a_look = not (step.messages or step.new_step or step.closed or step.told) and step.marks is None
    statement = _LOOK if is_only_a_look else _GO_ON
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
            "wake_at": maybe_us(earliest(step.wakeups)),
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
    planned = {call.id: call for call in step.planned}
    for state, call_ids in (("started", step.started), ("waiting", step.waiting)):
        for call_id in call_ids:
            if state == "started" and call_id in planned:  # it was inserted so
                name, args = planned[call_id].name, planned[call_id].args
            else:
                values = {"run_id": run_id, "id": call_id, "state": state, "now": now}
                values["rule"] = step.rules.get(call_id, "")
                name, stored = _must_hit(connection, _BEGIN_CALL, values, "call")
                args = rows.load(stored)
            body = {"call": call_id, "tool": name, "args": digest(canonical(args))}
            records.append(connection, step.at, state, job, run_id, _with_rule(body, step.rules.get(call_id)))
    for call_id in step.again:
        records.append(connection, step.at, "started", job, run_id, {"call": call_id, "again": True})
    for call_id in step.taken_back:
        _must_hit(connection, _TAKE_BACK, {"run_id": run_id, "id": call_id}, "call")
        records.append(connection, step.at, "taken_back", job, run_id, {"call": call_id})
    told = results_in(step.messages) if step.messages else {}
    for result in step.results:
        values = _result(run_id, result, now, is_told=result.call_id in told)
        name, _ = _must_hit(connection, _END_CALL, values, "call")
        body = {"call": result.call_id, "tool": name, "state": result.state.value}
        records.append(connection, step.at, "closed", job, run_id, _with_rule(body, result.rule))
    earlier = told.keys() - {result.call_id for result in step.results}
    if earlier:
        connection.execute(_TOLD, {"run_id": run_id, "ids": sorted(earlier)})


def _with_rule(body: dict[str, str], rule: str | None) -> dict[str, str]:
    """Return what is recorded of a call together with the rule that let it act, or kept it from that."""
    return body | {"rule": rule} if rule else body


def _result(run_id: str, result: CallResult, now: int, *, is_told: bool) -> dict[str, Any]:
    if result.state not in CLOSED_CALLS:
        raise ValueError(f"a result cannot leave call {result.call_id} {result.state}")
    return {
        "run_id": run_id,
        "id": result.call_id,
        "state": result.state.value,
        "result": None if is_told else rows.result_text(result.content),
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


def _let_go(connection: Connection, lease: Lease, step: Step, move: Move, cancel_asked: bool) -> bool:
    """Do what belongs to the lease's release: in the same transaction, or a crash would lose the wake-up.

    Returns whether the run ended here because somebody had asked for it.
    """
    ids: Sequence[str] = [lease.run_id]
    close_attempts(connection, ids, step.at, move.value)
    if step.closed is None:  # only one can be out
        lose_requests(connection, ids, step.at)
    drop_wakeups(connection, ids, step.at)
    if transition(move).target in FINAL:
        run_ended.ended_of(connection, lease.job, lease.run_id, move, step.at, step.reason_code)
        return False
    body = {"code": step.reason_code} if step.reason_code else {}
    records.append(connection, step.at, move.value, lease.job, lease.run_id, body)
    if cancel_asked:
        # Somebody asked while this step was being made: a run that sleeps would never look at its flag.
        cancel_now(connection, lease.run_id, step.at)
        run_ended.ended(connection, lease.run_id, Move.CANCEL, step.at)
        return True
    if step.wakeups:
        connection.execute(INSERT_WAKEUP, [wakeup_values(lease.run_id, each) for each in step.wakeups])
        events.look_back(connection, lease, step)
    return False
