"""A plug-in for tests: a sender whose notices are lines of a file, so that they can be counted.

In the folder that a notice names, a file ``down`` makes it fail, and a file ``hanging`` makes it wait.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from scheduler.core.run.notice import Notice
from scheduler.errors import SendFault
from scheduler.ports.sender import Receipt, SendContext


class SpoolSender:
    """Appends notices to the file ``spool`` of a folder."""

    kind = "spool"

    def __init__(self) -> None:
        self.waiting = 0

    async def send(self, notice: Notice, context: SendContext) -> Receipt:
        """Leave a line on the disk."""
        folder = Path(notice.target)
        if not folder.is_dir():
            raise SendFault(f"there is no folder {notice.target}", permanent=True)
        if (folder / "down").exists():
            raise SendFault(f"the spool {notice.target} is down")
        self.waiting += 1
        try:
            while (folder / "hanging").exists():  # noqa: ASYNC110  (whoever tests it makes and removes it)
                await asyncio.sleep(0.01)
        finally:
            self.waiting -= 1
        line = json.dumps({"id": context.id, "title": notice.title, "body": notice.body, "job": context.job})
        handle = os.open(folder / "spool", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, line.encode() + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)
        return Receipt(f"line {context.id}")


SPOOL = SpoolSender()
