"""Room in a budget: whether a request may still be opened, checked in the transaction that opens it.

What is found here is free until the request is written: writing units are serialised (see `Connection`).
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from sqlalchemy import text

from scheduler.adapters.sql import selects
from scheduler.adapters.sql.connection import Connection, Row
from scheduler.adapters.sql.rows.work import to_us
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.budget import FLEET_ZONE, DayCap, day_start
from scheduler.errors import OverBudgetError, Unit

Codes: TypeAlias = tuple[ReasonCode, ReasonCode]

_UNITS: tuple[Unit, Unit] = ("usd", "tokens")
_DAY_CODES: Codes = (ReasonCode.BUDGET_DAY, ReasonCode.BUDGET_DAY_TOKENS)
_FLEET_CODES: Codes = (ReasonCode.BUDGET_FLEET, ReasonCode.BUDGET_FLEET_TOKENS)
_DAY = text(
    f"SELECT * FROM ({selects.SPENT}), ({selects.OUT}),"
    " (SELECT max(CASE WHEN key = 'fleet' THEN value END), max(CASE WHEN key = 'fleet_tokens' THEN value END)"
    " FROM meta WHERE key IN ('fleet', 'fleet_tokens'))"
)
_FLEET_SPENT = text(selects.FLEET_SPENT)
_FLEET_OUT = text(selects.FLEET_OUT)


def require(connection: Connection, job: str, cap: DayCap, now: datetime) -> None:
    """Refuse a request whose day has no room left; one that has any may overdraw it, once.

    First the job's own day is asked, then that of all jobs together, where the crontab has a cap for them.

    Raises:
        OverBudgetError: what was spent and what is out has reached a cap.
    """
    row = connection.execute(_DAY, {"job": job, "since": to_us(cap.since)}).one()
    spent, out, fleet = row[:2], row[2:4], row[4:]
    _require(_DAY_CODES, (cap.microusd, cap.tokens), spent, out)
    if any(value is not None for value in fleet):
        _require_in_fleet(connection, now, fleet)


def _require_in_fleet(connection: Connection, now: datetime, caps: Row) -> None:
    since = to_us(day_start(now, FLEET_ZONE))
    spent = connection.execute(_FLEET_SPENT, {"since": since}).one()
    out = connection.execute(_FLEET_OUT, {}).one()
    microusd, tokens = (None if cap is None else int(cap) for cap in caps)
    _require(_FLEET_CODES, (microusd, tokens), spent, out)


def _require(codes: Codes, caps: tuple[int | None, int | None], spent: Row, out: Row) -> None:
    """Refuse when money or tokens, in this order, leave no room; a cap that is None is none."""
    for code, unit, cap, gone, held in zip(codes, _UNITS, caps, spent, out, strict=True):
        if cap is not None and int(gone) + int(held) >= cap:
            raise OverBudgetError(code, int(gone), int(held), cap, unit)
