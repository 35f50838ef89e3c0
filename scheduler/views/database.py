"""The database: its place, size and schema."""

from __future__ import annotations

from typing import Any

from scheduler.ports.store.audit import DatabaseState


def database_json(name: str, state: DatabaseState) -> dict[str, Any]:
    """Return the place and state of the database, as ``--json`` prints it."""
    return {
        "path": name,
        "state": state.state,
        "revision": state.revision,
        "head": state.head,
        "size_bytes": state.size_bytes,
    }
