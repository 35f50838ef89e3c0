"""The table of the outbox: notices and their delivery."""

from __future__ import annotations

from typing import Any, get_args

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, text
from sqlmodel import Field

from scheduler.adapters.sql.states import one_of
from scheduler.adapters.sql.tables.work import Table, metadata
from scheduler.core.run.notice import Urgency

STATES = ("waiting", "taken", "sent", "given_up")


def _where(condition: str) -> dict[str, Any]:
    """Return the arguments that make an index partial, in both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def _text(default: str | None = None) -> Any:
    """Return a text column; one with a ``default`` was added later, and older rows have that."""
    if default is None:
        return Field(sa_type=Text)
    return Field(sa_type=Text, default=default, sa_column_kwargs={"server_default": default})


class OutboxRow(Table, table=True):
    """Something to tell the owner, written with its cause and sent afterwards.

    ``run_id`` is null when it is about a job or, with an empty ``job``, about the daemon.
    ``dedupe_key`` is emptied when it no longer keeps another notice of its kind from being written.
    ``attachments`` is a JSON list; ``receipt`` is what the service calls the notice that it took.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint(one_of("state", STATES), name="outbox_state_known"),
        CheckConstraint(one_of("urgency", get_args(Urgency)), name="outbox_urgency_known"),
        Index("outbox_due", "due_at", "id", **_where(one_of("state", ("waiting", "taken")))),
        Index("outbox_unsent", "run_id", **_where("state = 'given_up'")),
        Index("outbox_run", "run_id"),
        Index("outbox_key", "kind", "dedupe_key", unique=True, **_where("dedupe_key <> ''")),
    )
    id: int | None = Field(default=None, primary_key=True)
    run_id: str | None = Field(sa_type=Text, default=None, foreign_key="runs.id")
    job: str = _text()
    kind: str = _text()
    target: str = _text()
    body: str = _text()
    created_at: int = Field(sa_type=BigInteger)
    state: str = Field(sa_type=Text, default="waiting")
    due_at: int = Field(sa_type=BigInteger)
    tries: int = 0
    runner: str = Field(sa_type=Text, default="")
    sent_at: int | None = Field(sa_type=BigInteger, default=None)
    error: str = Field(sa_type=Text, default="")
    title: str = _text("")
    urgency: str = _text("normal")
    dedupe_key: str = _text("")
    dedupe_until: int | None = Field(sa_type=BigInteger, default=None)
    attachments: str = _text("[]")
    expires_at: int | None = Field(sa_type=BigInteger, default=None)
    receipt: str = _text("")


outbox = metadata.tables["outbox"]
