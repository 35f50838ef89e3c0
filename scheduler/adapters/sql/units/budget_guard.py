"""Room in a budget: whether a request may still be opened, asked in the transaction that opens it."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from sqlalchemy import text

from scheduler.adapters.sql import selects as queries
from scheduler.adapters.sql.connection import Connection, Row
from scheduler.adapters.sql.rows.work import to_us
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.budget import FLEET_ZONE, DayCap, day_start
from scheduler.errors import OverBudgetError, Unit

Codes: TypeAlias = tuple[ReasonCode, ReasonCode]

_UNITS: tuple[Unit, Unit] = ("usd", "tokens")
_DAY_CODES: Codes = (ReasonCode.BUDGET_DAY, ReasonCode.BUDGET_DAY_TOKENS)
_FLEET_CODES: Codes = (ReasonCode.BUDGET_FLEET, ReasonCode.BUDGET_FLEET_TOKENS)
_SPENT = text(queries.SPENT)
_OUT = text(queries.OUT)
_FLEET = text("SELECT key, value FROM meta WHERE key IN ('fleet', 'fleet_tokens')")
_FLEET_SPENT = text(queries.FLEET_SPENT)
_FLEET_OUT = text(queries.FLEET_OUT)


def require(connection: Connection, job: str, cap: DayCap) -> None:
    """Refuse a request whose job's day has no room left; one that has any may overdraw it, once.

    Raises:
        OverBudgetError: what was spent and what is out has reached the cap.
    """
    spent = connection.execute(_SPENT, {"job": job, "since": to_us(cap.since)}).one()
    out = connection.execute(_OUT, {"job": job}).one()
    _require(_DAY_CODES, (cap.microusd, cap.tokens), spent, out)


def require_in_fleet(connection: Connection, now: datetime) -> None:
    """Do the same for all jobs together, where the crontab has a cap for them."""
    caps = {key: int(value) for key, value in connection.execute(_FLEET, {})}
    if not caps:
        return
    since = to_us(day_start(now, FLEET_ZONE))
    spent = connection.execute(_FLEET_SPENT, {"since": since}).one()
    out = connection.execute(_FLEET_OUT, {}).one()
    _require(_FLEET_CODES, (caps.get("fleet"), caps.get("fleet_tokens")), spent, out)


def _require(codes: Codes, caps: tuple[int | None, int | None], spent: Row, out: Row) -> None:
    """Refuse when money or tokens, in this order, leave no room; a cap that is None is none."""
    for code, unit, cap, gone, held in zip(codes, _UNITS, caps, spent, out, strict=True):
        if cap is not None and int(gone) + int(held) >= cap:
            raise OverBudgetError(code, int(gone), int(held), cap, unit)
