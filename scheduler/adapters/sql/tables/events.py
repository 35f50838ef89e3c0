"""The table of events, kept for a while."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field

from scheduler.adapters.sql.tables.work import Table, metadata

_KEYED = text("key <> ''")


class EventRow(Table, table=True):
    """An event.  A key is there once in its kind; which kinds there are, no CHECK says."""

    __tablename__ = "events"
    __table_args__ = (
        Index("events_key", "kind", "key", unique=True, sqlite_where=_KEYED, postgresql_where=_KEYED),
        Index("events_kind", "kind", "at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    source: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    payload: str = Field(sa_type=Text)
    provenance: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    expires: int | None = Field(sa_type=BigInteger, default=None)


events = metadata.tables["events"]
