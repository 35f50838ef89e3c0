"""The table of the records, and the metadata of all tables."""

from __future__ import annotations

from sqlalchemy import Text
from sqlmodel import Field

from scheduler.adapters.sql.tables.work import Table, metadata


class RecordRow(Table, table=True):
    """One thing that was done; ``scheduler.core.record`` says how the rows are chained.

    It points at no run: what happened stays on record when a run is pruned.  ``at`` is the hashed text.
    """

    __tablename__ = "records"
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: str = Field(sa_type=Text)
    job: str = Field(sa_type=Text)
    run_id: str = Field(sa_type=Text, default="")
    kind: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    body_hash: str = Field(sa_type=Text)
    prev_hash: str = Field(sa_type=Text)
    hash: str = Field(sa_type=Text)


records = metadata.tables["records"]
