"""The audit: what must hold between the rows, asked of a database that somebody may have touched.

Read-only like the reader.  The quick questions look at runs that are not over, by index; the deep ones read
every row.  Nothing that agentcron does by itself, whatever it was killed at, makes any of these flaws.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from scheduler.adapters.sql.history.reader import Reader
from scheduler.adapters.sql.rows.work import maybe_from_us, to_us
from scheduler.adapters.sql.states import live, states
from scheduler.core.record import Head, Record, flaw
from scheduler.core.run.pairing import mispaired
from scheduler.core.run.run import FINAL, RESTING, State
from scheduler.ports.store.audit import Flaw, Unsent

MAX_RUNS = 20_000
"""How many runs the quick questions look at."""

_LIVE = f"(SELECT * FROM runs WHERE {live()} LIMIT {MAX_RUNS})"
_OPEN_WAKEUP = "SELECT 1 FROM wakeups w WHERE w.run_id = r.id AND w.state = 'open'"
_LAST_SEQ = "(SELECT coalesce(max(m.seq), 0) FROM messages m WHERE m.run_id = r.id)"
_LAST_ATTEMPT = "(SELECT coalesce(max(a.number), 0) FROM attempts a WHERE a.run_id = r.id)"

_QUICK: dict[str, str] = {
    "without its pinned job": (
        f"SELECT r.id FROM {_LIVE} r WHERE NOT EXISTS (SELECT 1 FROM pins p WHERE p.run_id = r.id)"
    ),
    "at rest with nothing that wakes it": (
        f"SELECT r.id FROM {_LIVE} r WHERE {states(RESTING, 'r.state')} AND NOT EXISTS ({_OPEN_WAKEUP})"
    ),
    "with a wake-up although it is not at rest": (
        "SELECT DISTINCT w.run_id FROM wakeups w JOIN runs r ON r.id = w.run_id"
        f" WHERE w.state = 'open' AND NOT {states(RESTING, 'r.state')}"
    ),
    "with a request under way although it does not run": (
        "SELECT DISTINCT q.run_id FROM requests q JOIN runs r ON r.id = q.run_id"
        " WHERE q.state = 'sent' AND r.state <> 'running'"
    ),
    "whose number of claims is not that of its attempts": (
        f"SELECT r.id FROM {_LIVE} r WHERE r.epoch <> {_LAST_ATTEMPT}"
    ),
    "running without an open attempt": (
        "SELECT r.id FROM runs r WHERE r.state = 'running' AND NOT EXISTS (SELECT 1 FROM attempts a"
        " WHERE a.run_id = r.id AND a.number = r.epoch AND a.released_at IS NULL)"
    ),
    "whose last message is missing": f"SELECT r.id FROM {_LIVE} r WHERE r.last_seq <> {_LAST_SEQ}",
}

_DEEP: dict[str, str] = {
    "without its pinned job": (
        "SELECT r.id FROM runs r WHERE NOT EXISTS (SELECT 1 FROM pins p WHERE p.run_id = r.id)"
    ),
    "with a gap in its conversation": (
        "SELECT m.run_id FROM messages m JOIN runs r ON r.id = m.run_id GROUP BY m.run_id"
        " HAVING count(*) <> max(m.seq) OR min(m.seq) <> 1 OR max(m.seq) <> max(r.last_seq)"
    ),
    "that ended well with an open call": (
        "SELECT DISTINCT c.run_id FROM calls c JOIN runs r ON r.id = c.run_id"
        f" WHERE c.state IN ('planned', 'started', 'waiting') AND r.state = '{State.SUCCEEDED}'"
    ),
    "that is over and has an open attempt": (
        "SELECT DISTINCT a.run_id FROM attempts a JOIN runs r ON r.id = a.run_id"
        f" WHERE a.released_at IS NULL AND {states(FINAL, 'r.state')}"
    ),
    "whose number of claims is not that of its attempts": (
        f"SELECT r.id FROM runs r WHERE r.epoch <> {_LAST_ATTEMPT}"
    ),
    "whose cost is not the sum of its requests": (
        "SELECT r.id FROM runs r WHERE r.cost_microusd <> (SELECT coalesce(sum(q.cost_microusd), 0)"
        " FROM requests q WHERE q.run_id = r.id)"
    ),
    "whose tokens are not those of its requests": (
        "SELECT r.id FROM runs r WHERE r.tokens <> (SELECT coalesce(sum(q.tokens), 0)"
        " FROM requests q WHERE q.run_id = r.id AND q.state <> 'sent')"
    ),
}

_GIVEN_UP = (
    "SELECT o.run_id, o.job, o.error FROM (SELECT * FROM outbox ORDER BY id DESC LIMIT 1000) o"
    " WHERE o.state = 'given_up' AND o.created_at >= :since ORDER BY o.id DESC"
)
_STUCK = (
    "SELECT o.run_id, o.job, o.error FROM outbox o WHERE o.state IN ('taken', 'waiting') AND o.tries > 0"
    " AND o.error <> '' ORDER BY o.id DESC LIMIT 100"
)
_NEWEST = "FROM runs ORDER BY fire_time DESC, id DESC LIMIT 100)"
_LATEST = (
    "SELECT max(seen_at) FROM runners UNION ALL SELECT max(stopped_at) FROM runners UNION ALL"
    f" SELECT max(created_at) FROM (SELECT created_at {_NEWEST}"
    f" UNION ALL SELECT max(ended_at) FROM (SELECT ended_at {_NEWEST}"
)
_LATE_LEASES = "SELECT id, runner FROM runs WHERE state = 'running' AND lease_expires_at <= :before"
_RECORDS = "SELECT seq, at, job, run_id, kind, body, body_hash, prev_hash, hash FROM records ORDER BY seq"
_FOREIGN = 'SELECT DISTINCT "table" FROM pragma_foreign_key_check'


class SqliteAudit(Reader):
    """Implements `scheduler.ports.store.audit.Audit`."""

    def damage(self, *, whole: bool) -> str:
        """Return what is damaged in the file, or nothing; with ``whole`` every page and index is read."""
        found = self._pragma("integrity_check(1)" if whole else "quick_check(1)")
        return "" if found == "ok" else found

    def journal_mode(self) -> str:
        """Return how the database makes its writes durable; ours is ``wal``."""
        return self._pragma("journal_mode")

    def quick(self) -> list[Flaw]:
        """Return the flaws of what is not over."""
        return list(self._flaws(_QUICK))

    def deep(self) -> list[Flaw]:
        """Return the flaws of everything; reads every row."""
        return [*self._flaws(_DEEP), *self._unpaired()]

    def unchained(self) -> str:
        """Return the first flaw in the chain of records, or nothing; reads every record."""
        before: Head | None = None
        for record in self._all(_RECORDS, {}, lambda row: Record(*row)):
            # After a restore the records go on from the end of the log, which knew more than the copy.
            if before is not None and record.kind == "restore" and record.seq > before.seq:
                before = None if "log_was_ahead" in record.body else before
            wrong = flaw(record, before if before is not None or record.seq > 1 else Head())
            if wrong:
                return wrong
            before = record.head
        return ""

    def latest(self) -> datetime | None:
        """Return the newest instant that somebody has written down as past."""
        found = self._all(_LATEST, {}, lambda row: maybe_from_us(row[0]))
        return max((instant for instant in found if instant is not None), default=None)

    def set_back_from(self) -> datetime | None:
        """Return the latest time that a clock showed before it was set back, as far as that was noticed."""
        ((found,),) = self._all("SELECT max(before) FROM jumps WHERE kind = 'set_back'", {}, tuple)
        return maybe_from_us(found)

    def unsent(self, since: datetime) -> list[Unsent]:
        """Return the reports that were given up since then, the newest first."""
        return self._all(_GIVEN_UP, {"since": to_us(since)}, lambda row: Unsent(*row))

    def stuck(self) -> list[Unsent]:
        """Return the reports that failed and will be tried again."""
        return self._all(_STUCK, {}, lambda row: Unsent(*row))

    def late_leases(self, before: datetime) -> list[str]:
        """Return the running runs whose lease ran out before an instant."""
        return self._all(_LATE_LEASES, {"before": to_us(before)}, lambda row: str(row[0]))

    def dangling(self) -> list[str]:
        """Return the tables with rows that point at nothing; reads every row."""
        return self._all(_FOREIGN, {}, lambda row: str(row[0]))

    def _pragma(self, name: str) -> str:
        found = self._all(f"PRAGMA {name}", {}, tuple)
        return str(found[0][0]) if found else ""

    def _flaws(self, questions: dict[str, str]) -> Iterator[Flaw]:
        for what, sql in questions.items():
            runs = self._all(f"{sql} LIMIT 100", {}, lambda row: str(row[0]))
            if runs:
                yield Flaw(what, tuple(runs))

    def _unpaired(self) -> Iterator[Flaw]:
        for run_id in self._all("SELECT id FROM runs WHERE last_seq > 0 ORDER BY id", {}, lambda row: row[0]):
            wrong = mispaired(self.messages(run_id))
            if wrong:
                yield Flaw(f"with calls and results that do not match ({wrong})", (run_id,))
