"""The database as a file: its path, size and schema."""

from __future__ import annotations

from typing import Any

from scheduler.config import Config
from scheduler.ports.audit import DatabaseState


def database_json(config: Config, state: DatabaseState) -> dict[str, Any]:
    """Return the path and state of the database, as ``--json`` prints it."""
    return {
        "path": str(config.database),
        "state": state.state,
        "revision": state.revision,
        "head": state.head,
        "size_bytes": state.size_bytes,
    }
