"""What must hold between runs at rest, their wake-ups, and the events on record."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

ENDED_BY_NOTHING = """
SELECT r.id FROM runs r WHERE
    (SELECT count(*) FROM attempts a WHERE a.run_id = r.id AND a.number < r.epoch
        AND a.ended_as IN ('suspend', 'back off', 'park'))
    > (SELECT count(*) FROM wakeups w WHERE w.run_id = r.id AND w.state = 'won')
    + (SELECT count(*) FROM events e WHERE e.kind = 'person' AND e.subject = r.id)
"""

MISSED = """
SELECT w.run_id, e.id FROM wakeups w JOIN runs r ON r.id = w.run_id
    JOIN attempts a ON a.run_id = r.id AND a.number = r.epoch
    JOIN events e ON e.kind = w.kind AND (w.key IN ('', e.subject) OR (w.key = e.key AND e.key <> ''))
    WHERE w.state = 'open' AND e.at >= a.claimed_at
    AND e.id > (SELECT coalesce(max(s.event), 0) FROM wakeups s WHERE s.run_id = r.id)
"""


def check_rests(path: Path) -> None:
    """Check that each rest was ended by something on record, and that none goes on that was."""
    with closing(sqlite3.connect(path)) as database:
        unfounded = database.execute(ENDED_BY_NOTHING).fetchall()
        missed = database.execute(MISSED).fetchall()
    assert not unfounded, "I6: a run went on after more rests than anything has ended"
    assert not missed, "I6: a run rests although what it waits for has come"
