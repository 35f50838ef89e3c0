"""The table of transcripts.  It is called ``sessions``, as agents with a loop of their own call them."""

from __future__ import annotations

from sqlalchemy import LargeBinary, Text
from sqlmodel import Field

from scheduler.adapters.sql.tables.work import Table, metadata


class TranscriptRow(Table, table=True):
    """A piece of what a foreign agent keeps of its run; ``sha256`` is of all pieces up to this one."""

    __tablename__ = "sessions"
    run_id: str = Field(sa_type=Text, primary_key=True, foreign_key="runs.id")
    seq: int = Field(primary_key=True)
    sha256: str = Field(sa_type=Text)
    data: bytes = Field(sa_type=LargeBinary)


sessions = metadata.tables["sessions"]
