"""Guards of what is limited: grants, their shares of a day, and what a day may cost.

What a guard finds free is taken by the step that it belongs to: writing units are serialised (see
`Connection`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from scheduler.adapters.sql.connection import Connection
from scheduler.adapters.sql.units import approvals, budget_guard
from scheduler.core.changes.follow_up import root_of
from scheduler.core.changes.limits import DayAffords, GrantStands, ShareFree
from scheduler.core.trust.approval import OUTSIDE
from scheduler.errors import FactsChangedError
from scheduler.ports.room import Room, StepContext

_GRANT = text("SELECT 1 FROM grants WHERE id = :id AND revoked_at IS NULL")


def check_grants(connection: Connection, context: StepContext, guards: Sequence[GrantStands]) -> None:
    """Look whether the grants by which calls begin still stand.

    Raises:
        FactsChangedError: one was revoked.
    """
    del context
    for guard in guards:
        if connection.execute(_GRANT, {"id": guard.grant_id}).first() is None:
            raise FactsChangedError(f"grant {guard.grant_id} was revoked")


def check_shares(connection: Connection, context: StepContext, guards: Sequence[ShareFree]) -> None:
    """Let the shares be taken in their order, each as it was judged: by what was begun before it.

    Raises:
        FactsChangedError: others have used one up.
    """
    begun: dict[tuple[str, datetime], int] = {}
    for share in (guard.share for guard in guards):
        key = share.tool, share.since
        if key not in begun:
            used = approvals.used_since(connection, root_of(context.job), share.since)
            begun[key] = used.outside if share.tool == OUTSIDE else used.calls.get(share.tool, 0)
        if begun[key] >= share.most:
            raise FactsChangedError(f"{share.tool or 'effects'}: {begun[key]} of {share.most} begun today")
        begun[key] += 1


def check_days(connection: Connection, context: StepContext, guards: Sequence[DayAffords]) -> None:
    """Look whether the day has room for one more request.

    Raises:
        OverBudgetError: what was spent and what is out has reached a cap.
    """
    for guard in guards:
        budget_guard.require(connection, root_of(context.job), guard.cap, context.at)


ROOM = Room(
    guards={GrantStands.kind: check_grants, ShareFree.kind: check_shares, DayAffords.kind: check_days}
)
