"""Convert rows of wake-ups, and of why a run was woken.  Without SQLAlchemy."""

from __future__ import annotations

from typing import Any

from scheduler.adapters.sql.rows.work import Row, dump, from_us, load, maybe_from_us, maybe_us, plain, to_us
from scheduler.core.run.wakeup import WakeUp, Woken

WAKEUP_COLUMNS = ("kind", "key", "due", "deadline")


def wakeup_from(row: Row) -> WakeUp:
    """Return the wake-up of a row of WAKEUP_COLUMNS."""
    kind, key, due, deadline = row
    # What is stored as due is the first of both.
    return WakeUp(kind, key, None if due == deadline else from_us(due), maybe_from_us(deadline))


def wakeup_values(run_id: str, wakeup: WakeUp) -> dict[str, Any]:
    """Return the columns of an open wake-up."""
    return {
        "run_id": run_id,
        "kind": str(wakeup.kind),
        "due": maybe_us(wakeup.until),
        "state": "open",
        "closed_at": None,
        "key": plain(wakeup.key),
        "deadline": maybe_us(wakeup.deadline),
        "event": None,
    }


def woken_text(woken: Woken) -> str:
    """Return why a run was woken as JSON text."""
    return dump(
        {
            "kind": woken.kind,
            "at": to_us(woken.at),
            "planned": maybe_us(woken.planned),
            "slept_since": maybe_us(woken.slept_since),
            "payload": plain(woken.payload),
            "restored_from": maybe_us(woken.restored_from),
            "key": plain(woken.key),
            "provenance": plain(woken.provenance),
            "earlier": None if woken.earlier is None else woken_text(woken.earlier),
        }
    )


def woken_from(text: str | None) -> Woken | None:
    """Return what ``woken_text`` wrote."""
    if text is None:
        return None
    values = load(text)
    return Woken(
        values["kind"],
        from_us(values["at"]),
        maybe_from_us(values["planned"]),
        maybe_from_us(values["slept_since"]),
        values["payload"] if "payload" in values else values["text"],  # as it was called before 0004
        maybe_from_us(values["restored_from"]),
        values.get("key", ""),
        values.get("provenance", ""),
        woken_from(values.get("earlier")),
    )
