"""The environment of Alembic: it runs in a transaction of the caller, who commits it."""

from __future__ import annotations

from alembic import context

from scheduler.adapters.sql.tables.work import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can undo DDL; Alembic does not think so unless it is told, and would commit after each one.
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
