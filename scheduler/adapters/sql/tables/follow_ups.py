"""The table of the follow-ups: an additional row for each follow-up, besides its row among the jobs."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, text
from sqlmodel import Field

from scheduler.adapters.sql.states import one_of
from scheduler.adapters.sql.tables.work import Table, metadata

STATES = ("pending", "open", "over")


class FollowUpRow(Table, table=True):
    """One follow-up; run and call make it unique, so no crash makes two of one.

    It points at no run: the maker may be pruned before its follow-up fires.  ``root`` is the crontab's job.
    """

    __tablename__ = "follow_ups"
    __table_args__ = (
        CheckConstraint(one_of("state", STATES), name="follow_ups_state_known"),
        Index(
            "follow_ups_name",
            "name",
            unique=True,
            sqlite_where=text("state <> 'over'"),
            postgresql_where=text("state <> 'over'"),
        ),
        Index("follow_ups_root", "root", "made_at"),
    )
    run_id: str = Field(sa_type=Text, primary_key=True)
    call_id: str = Field(sa_type=Text, primary_key=True)
    name: str = Field(sa_type=Text)
    root: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    spec: str = Field(sa_type=Text)
    marks: str = Field(sa_type=Text)
    made_at: int = Field(sa_type=BigInteger)
    expires_at: int = Field(sa_type=BigInteger)
    fires_left: int
    ended_at: int | None = Field(sa_type=BigInteger, default=None)
    reason: str = Field(sa_type=Text, default="")


follow_ups = metadata.tables["follow_ups"]
