"""What lies below the port of the store: for tests of single units of work."""

from __future__ import annotations

from scheduler.adapters.sql.sqlite.committer import Committer
from scheduler.adapters.sql.store import SqlStore
from scheduler.ports.store.store import Store


def sql_store(store: Store) -> SqlStore:
    """Return a store as what it is."""
    assert isinstance(store, SqlStore)
    return store


def committer_of(store: Store) -> Committer:
    """Return what a store writes with."""
    committer = sql_store(store)._committer
    assert isinstance(committer, Committer)
    return committer
