"""What a person reads after a restore: who waits, which slots were skipped, which reports were held."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta

from scheduler.adapters.sql.backup_mark import MARK, mark_text
from scheduler.testing.world import World
from tests.unit.cli import scenes
from tests.unit.cli.conftest import Build, Call

CRONTAB = """\
CRON_TZ = Europe/Berlin
0 9 * * *             digest  "Summarise new issues"     model=rehearsal:digest.jsonl
*/30 * * * *          probe   "Look"                     model=rehearsal:digest.jsonl
@at 2026-11-20T10:00  launch  "Post the launch note"     model=rehearsal:digest.jsonl
@manual               writer  "Post the report"          model=rehearsal:writer.jsonl report="mail me"
"""


async def restored(world: World) -> None:
    """A backup of 08:30 was put in place at 10:40; a post was under way then, another one reported."""
    await scenes.load(world, CRONTAB)
    await world.play("writer")
    await scenes.interrupt(world)
    with sqlite3.connect(world.config.database) as connection:
        values = (MARK, mark_text(world.clock.now()))
        connection.execute("INSERT INTO meta (key, value) VALUES (?, ?)", values)
    connection.close()
    world.clock.advance(130 * 60)
    now = world.clock.now()
    done = await world.store.settle_restore(now, "boot", now + timedelta(days=7))
    assert done is not None
    assert (len(done.parked), done.skipped, len(done.held)) == (1, 3, 1)


def test_list_names_what_needs_a_person(call: Call, build: Build) -> None:
    build(restored)
    shown = call("list").fits().out
    assert "writer: run run00002: parked: restored from a backup of 2026-11-20T07:31" in shown
    assert "launch: skipped after a restore, will not fire again: agentcron why launch" in shown
    assert "writer: run run00001: its report was not sent: restored from a backup" in shown
    assert "digest: " not in shown.partition("needs attention")[2].partition("JOB")[0], "it fires tomorrow"


def test_why_says_that_nobody_knows_and_what_to_type(call: Call, build: Build) -> None:
    build(restored)
    for job, when in (("digest", "09:00"), ("probe", "10:30"), ("probe", "09:30"), ("launch", "10:00")):
        shown = call("why", job, when).fits().out
        text = " ".join(shown.split())
        assert f"{job} did not run at {when} Europe/Berlin: restored from a backup" in text
        assert "whether it fired since then is unknown." in text
        assert f"If it did not run then: agentcron run {job}" in text
        told = json.loads(call("why", job, when, "--json").out)
        assert (told["verdict"], told["run"]["reason_code"]) == ("skipped", "restored")
    assert "run run00002 is parked" in call("why", "writer").out


def test_show_says_how_to_continue(call: Call, build: Build) -> None:
    build(restored)
    shown = call("show", "run00002").fits().out
    assert "continue: agentcron resume run00002" in shown
    assert "unknown: whether" in shown
