"""Store a frame once, referenced by its hash; it was copied into the pin of every run."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table of frames, and the pins again with a hash in place of the text."""
    op.create_table(
        "frames",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("frame", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "new_pins",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("frame_hash", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"]),
        sa.ForeignKeyConstraint(["frame_hash"], ["frames.hash"]),
        sa.PrimaryKeyConstraint("run_id"),
    )
    database = op.get_bind()
    found = database.execute(sa.text("SELECT DISTINCT frame FROM pins WHERE frame IS NOT NULL")).scalars()
    keep = sa.text("INSERT INTO frames (hash, frame) VALUES (:hash, :frame)")
    for frame in found.all():
        database.execute(keep, {"hash": hashlib.sha256(frame.encode()).hexdigest(), "frame": frame})
    op.execute(
        "INSERT INTO new_pins (run_id, spec, frame_hash) SELECT p.run_id, p.spec,"
        " (SELECT f.hash FROM frames f WHERE f.frame = p.frame) FROM pins p"
    )
    op.drop_table("pins")
    op.rename_table("new_pins", "pins")
    pinned = sa.text("frame_hash IS NOT NULL")
    op.create_index("pins_frame", "pins", ["frame_hash"], sqlite_where=pinned, postgresql_where=pinned)
