"""The reporter: which notices it sends by a command, and which it does not send at all."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.kit.models import finish
from tests.kit.stage import stage


def outbox(home: Path) -> list[tuple[str, str, int, str]]:
    """Return kind, state, tries and error of each notice."""
    with closing(sqlite3.connect(home / "agentcron.db")) as database:
        return database.execute("SELECT kind, state, tries, error FROM outbox ORDER BY id").fetchall()


async def test_a_notice_of_an_unknown_kind_is_given_up_and_runs_no_command(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report = f'report="echo x >> {tmp_path}/ran"'
    async with stage(tmp_path, finish(), finish(), options=report) as s:
        odd = await s.play()
        with closing(sqlite3.connect(s.world.config.database)) as database, database:
            database.execute("UPDATE outbox SET kind = 'push'")  # as a newer version may write it
        known = await s.play()
        with caplog.at_level(logging.WARNING, logger="agentcron"):
            assert await s.world.send_reports() == 2
        assert (tmp_path / "ran").read_text() == "x\n", "the one that is known was sent, and nothing else"
        why = "no sender is known for a 'push' notice"
        assert outbox(tmp_path) == [("push", "given_up", 1, why), ("report", "sent", 1, "")]
        assert [record.getMessage() for record in caplog.records] == [
            f"run {odd.id}: its report was not sent: {why}"
        ]
        s.world.clock.advance(9999 * 60)
        assert await s.world.send_reports() == 0, f"neither again, nor that of {known.id}"
