"""All crash points of the store; see ``docs/lifecycle.md`` for the windows W0 to W15.

Every unit that changes something passes two of them: ``<name>.inside`` when all its rows are written and
nothing is committed, and its own name when the commit is durable and its caller has not been answered.
"""

from __future__ import annotations

from typing import NamedTuple


class UnitPoints(NamedTuple):
    """The two crash points of one kind of unit."""

    inside: str
    """All rows are written, and nothing is committed."""
    after: str
    """The commit is durable, and its caller has not been answered."""


def _points(name: str, *, inside: str = "", after: str = "") -> UnitPoints:
    return UnitPoints(inside or f"{name}.inside", after or name)


W2, W6, W8, W11, W12, W13, W14, OPENED, COMPACTED, STAGED, STEP = (
    _points(name)
    for name in ("W2", "W6", "W8", "W11", "W12", "W13", "W14", "opened", "compacted", "staged", "step")
)
STEP_POINTS = (W2, OPENED, W6, W8, W11, W12, W13, W14, COMPACTED, STAGED, STEP)
"""The windows of a step; ``units.steps.crash_points_of`` finds the one that a step closes.

``opened`` is a request on record, just before the engine's own W3; ``compacted`` a summary that is kept;
``staged`` is a call that began and ended in this step: what it changes is written with its result; ``step``
contains nothing of the kind.
"""

CLAIM = _points("W1", inside="claim.inside")
FIRE, WAKE, RESCUE, OUTBOX = (
    _points(name, after=f"{name}.after") for name in ("fire", "wake", "rescue", "outbox")
)
LOAD, PERSON, RUNNER, RENEW, SETTLED, JUMP = (
    _points(name) for name in ("load", "person", "runner", "renew", "W15", "jump")
)
RESTORE, PRUNE, NOTICE, EVENT = (_points(name) for name in ("restore", "prune", "notice", "event"))

UNIT_POINTS = (
    *(CLAIM, FIRE, WAKE, RESCUE, OUTBOX, LOAD, PERSON, RUNNER, RENEW, SETTLED, JUMP),
    *(RESTORE, PRUNE, NOTICE, EVENT),
)

CRASH_POINTS = tuple(name for points in (*STEP_POINTS, *UNIT_POINTS) for name in points)
"""Every crash point of the store."""
