"""Room in a budget: whether a request may still be opened, asked in the transaction that opens it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text

from scheduler.adapters.sql import queries
from scheduler.adapters.sql.driver import Connection
from scheduler.adapters.sql.rows import to_us
from scheduler.core.budget import FLEET_ZONE, DayCap, day_start
from scheduler.errors import OverBudgetError

_SPENT = text(queries.SPENT)
_OUT = text(queries.OUT)
_FLEET = text("SELECT value FROM meta WHERE key = 'fleet'")
_FLEET_SPENT = text(queries.FLEET_SPENT)
_FLEET_OUT = text(queries.FLEET_OUT)


def require(connection: Connection, job: str, cap: DayCap) -> None:
    """Refuse a request whose job's day has no room left; one that has any may overdraw it, once.

    Raises:
        OverBudgetError: what was spent and what is out has reached the cap.
    """
    values = {"job": job, "since": to_us(cap.since)}
    spent = int(connection.execute(_SPENT, values).scalar_one())
    out = int(connection.execute(_OUT, {"job": job}).scalar_one())
    if spent + out >= cap.microusd:
        raise OverBudgetError("budget-day", spent, out, cap.microusd)


def require_in_fleet(connection: Connection, now: datetime) -> None:
    """Do the same for all jobs together, where the crontab has a cap for them."""
    cap = connection.execute(_FLEET, {}).scalar()
    if cap is None:
        return
    since = to_us(day_start(now, FLEET_ZONE))
    spent = int(connection.execute(_FLEET_SPENT, {"since": since}).scalar_one())
    out = int(connection.execute(_FLEET_OUT, {}).scalar_one())
    if spent + out >= int(cap):
        raise OverBudgetError("budget-fleet", spent, out, int(cap))
