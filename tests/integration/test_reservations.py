"""A reservation survives a kill wherever it happens: what may have been billed stays counted, once."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.integration.test_crash_points import finish, kill_at
from tests.kit.scene import Scene

pytestmark = pytest.mark.process

MONEY = (
    "SELECT q.state, q.reserved_microusd, q.cost_microusd, q.cost_assumed, r.cost_microusd, q.tokens,"
    " r.tokens FROM requests q JOIN runs r ON r.id = q.run_id ORDER BY q.number"
)


def money(scene: Scene) -> list[tuple[str, int, int | None, int, int, int, int]]:
    """Return what the requests of the scene's run have reserved, cost and used, and what the run counts."""
    with closing(sqlite3.connect(scene.place.database)) as connection:
        return connection.execute(MONEY).fetchall()


@pytest.mark.parametrize("point", ["opened.inside", "opened", "W3", "W4", "W5", "W6.inside", "W6"])
def test_what_a_killed_request_reserved_is_out_then_spent_and_never_both(scene: Scene, point: str) -> None:
    kill_at(scene, point)
    before = money(scene)
    if point == "opened.inside":
        assert before == []  # neither on record nor sent
    elif point == "W6":
        assert before[0][0] == "answered"
    else:
        ((state, reserved, cost, _, total, tokens, all_tokens),) = before
        assert (state, cost, total, all_tokens) == ("sent", None, 0, 0)
        assert (reserved > 0, tokens > 0) == (True, True)

    finish(scene)

    after = money(scene)
    lost = [row for row in after if row[0] == "lost"]
    assert len(lost) == (0 if point in ("opened.inside", "W6") else 1)
    for _, reserved, cost, assumed, _, tokens, _ in lost:
        assert (cost, assumed) == (reserved, 1)
        assert tokens == before[0][5]
    assert all(row[0] in ("answered", "lost") for row in after)
    assert {row[4] for row in after} == {sum(row[2] or 0 for row in after)}
    assert {row[6] for row in after} == {sum(row[5] for row in after)}
