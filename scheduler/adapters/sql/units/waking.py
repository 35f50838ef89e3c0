"""Queue runs that were waiting: the code shared by the clock, events and people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.rows.wakeups import woken_from, woken_text
from scheduler.adapters.sql.rows.work import to_us
from scheduler.adapters.sql.states import sources
from scheduler.adapters.sql.units import records
from scheduler.adapters.sql.words import drop_wakeups, many
from scheduler.core.run.run import BLOCKED, Move, State
from scheduler.core.run.wakeup import Waking, Woken

_WIN = text("UPDATE wakeups SET state = 'won', closed_at = :now, event = :event WHERE id IN :won").bindparams(
    many("won")
)
_WAKE = text(
    "UPDATE runs SET state = 'queued', woken = :woken, free_claim = :free, wake_at = NULL, waiting_for = '',"
    " resumed_epoch = CASE WHEN :by_person THEN epoch ELSE resumed_epoch END,"
    f" reason = '', reason_code = '' WHERE id = :id AND {sources(Move.WAKE)}"
)


@dataclass(frozen=True, slots=True)
class Wake:
    """A run that is to be queued.

    Args:
        source: the state in which it rests.
        untold: why it was woken before, as stored, when the agent was not told yet.
    """

    run_id: str
    job: str
    source: State
    untold: str | None
    woken: Woken


def wake(connection: Connection, wakes: Sequence[Wake], now: datetime) -> None:
    """Queue runs whose wake-ups have come."""
    for each in wakes:
        records.append(connection, now, Move.WAKE.value, each.job, each.run_id, {"by": str(each.woken.kind)})
    if wakes:
        connection.execute(_WAKE, [_values(each) for each in wakes])


def close_wakeups(
    connection: Connection,
    won: Sequence[int],
    run_ids: Sequence[str],
    now: datetime,
    event: int | None = None,
) -> None:
    """Close the open wake-ups of these runs: those that have come, and with them the others.

    Args:
        event: the number of what has come; None: their instants.
    """
    connection.execute(_WIN, {"won": won, "now": to_us(now), "event": event})
    drop_wakeups(connection, run_ids, now)


def wake_by_hand(connection: Connection, wake: Wake, now: datetime) -> None:
    """Queue a run because a person says so; their record is written by the caller, who knows them."""
    connection.execute(_WAKE, _values(wake))
    drop_wakeups(connection, [wake.run_id], now)


def _values(wake: Wake) -> dict[str, object]:
    return {
        "id": wake.run_id,
        "woken": woken_text(keep_untold(woken_from(wake.untold), wake.woken)),
        "free": wake.source in BLOCKED,
        "by_person": wake.woken.kind == Waking.PERSON,
    }


def keep_untold(untold: Woken | None, woken: Woken) -> Woken:
    """Return what the agent must be told: an earlier wake that it never heard of is not forgotten.

    A run that was woken from its sleep and then had to back off is still one whose sleep is over.
    """
    if untold is None:
        return woken
    if woken.ends_sleep or woken.kind == Waking.PERSON:
        earlier = untold if untold.is_event else untold.earlier
        return replace(woken, restored_from=untold.restored_from, earlier=earlier)
    return replace(untold, at=woken.at)
