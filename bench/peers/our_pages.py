"""Where the bytes of our conversation go: pages in the write-ahead log, counted by their table."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import sqlite3
import struct
import sys
from collections import Counter
from pathlib import Path

from bench.peers.our_conversation import conversation_home, queue_one
from scheduler.app.compose import open_app
from scheduler.config import load

_HEADER_BYTES, _FRAME_BYTES = 32, 24


async def work(home: Path, copy: Path) -> None:
    """Take the run to its end with nothing copied out of the log; keep both files as they are then."""
    async with open_app(load(str(home))) as app:
        runner = app.runner("tick")
        await queue_one(app, runner)
        await app.services.store._committer.ask(  # type: ignore[attr-defined]
            lambda c: c.exec_driver_sql("PRAGMA wal_autocheckpoint=0").all(), writes=False
        )
        await runner.once()
        for end in ("", "-wal"):
            shutil.copy(home / f"agentcron.db{end}", f"{copy}{end}")
        app.presence.drop(runner.info.id)


def frames(wal: bytes, page_bytes: int) -> list[tuple[int, bool]]:
    """Return the page of every frame of a log, and whether the frame ends a commit."""
    found, at = [], _HEADER_BYTES
    while at + _FRAME_BYTES <= len(wal):
        page, size = struct.unpack(">II", wal[at : at + 8])
        found.append((page, size > 0))
        at += _FRAME_BYTES + page_bytes
    return found


def main(place: Path, messages: int) -> None:
    """Count, and print pages by table, indexes counted with their tables."""
    logging.disable(logging.WARNING)
    home, copy = conversation_home(place, messages), place / "copy.db"
    asyncio.run(work(home, copy))
    wal = Path(f"{copy}-wal").read_bytes()
    connection = sqlite3.connect(copy)
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    owners = dict(
        connection.execute(
            "SELECT d.pageno, coalesce(m.tbl_name, 'file header') FROM dbstat d"
            " LEFT JOIN sqlite_master m ON m.name = d.name"
        )
    )
    written = frames(wal, page_bytes)
    pages = Counter(owners.get(page, "other") for page, _ in written)
    commits = sum(ends for _, ends in written)
    print(json.dumps({"commits": commits, "pages": len(written), "by": pages.most_common()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
