"""The daily log: what was recorded stands there, in a chain, before anything acts; else nothing acts."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.adapters.daylog import FileDayLog, files
from scheduler.adapters.sql.sqlite.backup import back_up
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.adapters.system import pause
from scheduler.app.day_log import stored_hashes
from scheduler.core.actor import PERSON
from scheduler.core.record import Head, Record, flaw, from_line
from scheduler.core.run.run import State
from scheduler.errors import DayLogError
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, open_world
from tests.kit.disk import small_disk

JOB = '@manual  work  "Do it."  model=rehearsal:work.jsonl report="true"'


async def prepare(world: World) -> None:
    world.script("work", script().call("write", file_path="a.md", content="x").finish("Written."))
    await world.load(JOB)


def written(world: World) -> list[Record]:
    """Return what the log says, after seeing that its chain holds from its first record on."""
    records = [from_line(line) for path in files(world.config.log) for line in path.read_bytes().splitlines()]
    before = Head()
    for record in records:
        assert flaw(record, before) == ""
        before = record.head
    return records


async def test_each_move_and_each_call_is_a_record(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        run = await world.play("work")
        await world.services.daylog.sync()

        kinds = [record.kind for record in written(world) if record.run_id == run.id]
        assert kinds[:5] == ["fire", "claim", "planned", "started", "closed"]
        assert kinds[-1] == "finish"
        assert oct(world.config.log.stat().st_mode & 0o777) == "0o700"
        assert all(oct(path.stat().st_mode & 0o777) == "0o600" for path in files(world.config.log))


async def test_what_a_person_asks_for_is_a_record(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        now = world.clock.now()
        await world.store.pause("work", "holidays", now, actor=PERSON)
        await world.store.unpause("work", now, None, actor=PERSON)
        run_id = await world.fire("work")
        await world.store.raise_budget(run_id, now, {"run_microusd": 2_000_000}, actor=PERSON)
        await world.store.cancel(run_id, now, "not today", actor=PERSON)
        await world.services.daylog.sync()
        assert [record.kind for record in written(world)] == [
            *("pause", "unpause", "fire", "budget", "ask cancel", "cancel")
        ]


async def test_a_unit_that_fails_leaves_no_record(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        with pytest.raises(Exception, match="no job"):
            await world.store.pause("other", "", world.clock.now(), actor=PERSON)
        good, bad, also = await asyncio.gather(
            *(
                world.store.pause(job, "", world.clock.now(), actor=PERSON)
                for job in ("work", "other", "work")
            ),
            return_exceptions=True,
        )
        assert (good, also) == (True, False)
        assert isinstance(bad, Exception)
        await world.services.daylog.sync()
        assert [record.kind for record in written(world)] == ["pause"]


async def test_no_effect_happens_while_the_log_cannot_be_written_and_then_it_continues(
    tmp_path: Path,
) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        world.config.log.write_text("a file where the folder should be")

        run = await world.play("work")

        assert (run.state, run.reason_code) == (State.PARKED, "log")
        assert "cannot be written" in run.reason
        assert not (world.workdir / "work" / "a.md").exists()
        with world.reader() as reader:
            assert [call.state for call in reader.calls(run.id)] == ["planned"]
        assert await world.send_reports() == 0, "a report is an effect, too"
        await world.jump()  # the probe, in vain
        assert (await world.run(run.id)).state is State.PARKED

        world.config.log.unlink()
        assert await world.send_reports() == 1, "the owner hears of it once, when it can be recorded"
        await world.jump()
        assert (await world.run(run.id)).state is State.SUCCEEDED
        assert (world.workdir / "work" / "a.md").read_text() == "x"
        with world.reader() as reader:
            assert {call.state for call in reader.calls(run.id)} == {"done"}


async def test_on_a_full_disk_nothing_acts(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with open_world(tmp_path / "home") as world:
            await prepare(world)
            world.config.log.symlink_to(disk.path)
            disk.fill()
            run = await world.play("work")
            assert (run.state, run.reason_code) == (State.PARKED, "log")
            assert "no space left" in run.reason
            assert not (world.workdir / "work" / "a.md").exists()
            assert await world.send_reports() == 0
            disk.empty()
            await world.jump()
            assert (await world.run(run.id)).state is State.SUCCEEDED
            written(world)


async def test_a_torn_last_line_is_fixed_if_it_is_the_beginning_of_the_right_one(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        await world.play("work")
        await world.services.daylog.sync()
        (path,) = files(world.config.log)
        whole = path.read_bytes()
        for cut in (1, 40, len(whole) - 10):  # in the last line, and in the first one
            path.write_bytes(whole[:-cut])
            await world.services.daylog.sync()
            assert path.read_bytes() == whole

        path.write_bytes(whole[:-40] + b"forged")
        with pytest.raises(DayLogError, match="no part of the next record"):
            await world.services.daylog.sync()


async def test_each_day_has_its_file_and_a_clock_set_back_continues_in_the_newest(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        day = world.clock.now()
        await world.play("work")
        world.clock.advance(86_400)
        await world.play("work")
        await world.services.daylog.sync()
        names = [path.stem for path in files(world.config.log)]
        assert len(names) == 2
        await world.store.pause("work", "", day, actor=PERSON)
        await world.services.daylog.sync()
        assert [path.stem for path in files(world.config.log)] == names
        assert written(world)[-1].kind == "pause"


COPY = """
import asyncio, sys
from pathlib import Path
from scheduler.app.day_log import open_log
from scheduler.config import Config
async def main():
    log = open_log(Config.of_home(sys.argv[1]))
    for _ in range(300):
        await log.sync()
asyncio.run(main())
"""


@pytest.mark.process
async def test_two_processes_that_copy_at_once_do_not_fork_the_log(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        others = [subprocess.Popen([sys.executable, "-c", COPY, str(tmp_path)]) for _ in range(2)]
        while any(other.poll() is None for other in others):
            await world.play("work")
        await world.services.daylog.sync()
        assert [other.returncode for other in others] == [0, 0]
        records = written(world)
        assert {record.seq: record.hash for record in records} == stored_hashes(world.config)
        assert len({record.seq for record in records}) == len(records)


async def test_who_keeps_the_log_locked_stalls_nothing_for_long(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        world.config.log.mkdir()
        looks: list[float] = []
        records = SqliteDatabase(world.config.database).records
        world.services = replace(world.services, daylog=FileDayLog(world.config.log, records, looks.append))
        with open(world.config.log / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            run = await world.play("work")
        assert (run.state, run.reason_code) == (State.PARKED, "log")
        assert "another process has kept the daily log" in run.reason
        assert sum(looks) == pytest.approx(5 * (len(looks) // 1_000))
        assert await world.send_reports() == 1
        await world.jump()
        assert (await world.run(run.id)).state is State.SUCCEEDED


async def test_a_database_that_is_behind_its_log_is_refused(tmp_path: Path) -> None:
    async with open_world(tmp_path / "a") as world, open_world(tmp_path / "b") as other:
        await prepare(world)
        await world.play("work")
        await world.services.daylog.sync()
        await prepare(other)
        await other.store.pause("work", "", other.clock.now(), actor=PERSON)
        with pytest.raises(DayLogError, match="disagree"):
            await FileDayLog(world.config.log, SqliteDatabase(other.config.database).records, pause).sync()


async def test_a_restored_database_continues_from_the_end_of_the_log(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        await world.play("work")
        back_up(world.config.database, tmp_path / "copy", world.clock.now(), force=False)
        await world.play("work")
        await world.services.daylog.sync()
        end = written(world)[-1].head
    for leftover in tmp_path.glob("agentcron.db*"):
        leftover.unlink()
    (tmp_path / "copy").rename(tmp_path / "agentcron.db")
    async with open_world(tmp_path) as world:
        await world.services.daylog.sync()
        restored = next(record for record in written(world) if record.kind == "restore")
        assert (restored.seq, restored.prev_hash) == (end.seq + 1, end.hash)
        assert json.loads(restored.body)["log_was_ahead"]["seq"] == end.seq
        with SqliteDatabase(world.config.database).audit() as audit:
            assert audit.unchained() == ""


async def test_what_was_pruned_stays_on_record(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        first = await world.play("work")
        await world.send_reports()
        world.clock.advance(10 * 86_400)
        await world.play("work")
        await world.send_reports()
        pruned = await world.store.prune(world.clock.now(), 86_400)
        assert pruned.runs == 1
        await world.services.daylog.sync()
        assert first.id in {record.run_id for record in written(world)}
        assert len(stored_hashes(world.config)) == len(written(world))


async def test_the_command_reads_the_files_and_finds_what_was_changed(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        run = await world.play("work")
        await world.services.daylog.sync()
        (path,) = files(world.config.log)

    def log(*options: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "scheduler", "--home", str(tmp_path), "log", *options]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    assert "planned" in log("--run", run.id).stdout
    assert log("--run", run.id[:5]).stdout == log("--run", run.id).stdout
    assert log("--day", "2000-01-01").stdout == log("--day", "2000-01-01", "--run", run.id).stdout == ""
    for nothing in (("--run", "other"), ("--run", ""), ("--job", "other")):
        unknown = log(*nothing)
        assert (unknown.returncode, unknown.stdout) == (3, "")
    assert all(json.loads(line)["job"] == "work" for line in log("--json").stdout.splitlines())
    assert log("--verify").returncode == 0
    assert [log("--day", day).returncode for day in ("today", "2026-13-45", "20261125")] == [2, 2, 2]
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for broken, word in (
        (whole.replace(b'"write"', b'"read"', 1), "body was changed"),
        (b"".join(lines[:2] + lines[3:]), "stands where record 3 belongs"),
        (b"".join(lines[3:]), "record 4 stands where record 1 belongs"),
        (b"[" * 100_000 + b"\n" + whole, "not a record"),
        (b"\x1b[2J nonsense\n" + whole, "not a record"),
    ):
        path.write_bytes(broken)
        said = log("--verify")
        assert said.returncode == 1
        assert word in said.stderr
        assert "\x1b" not in said.stderr + log().stdout
    with sqlite3.connect(tmp_path / "agentcron.db") as connection:
        connection.execute("UPDATE records SET kind = 'nothing' WHERE seq = 2")
    connection.close()
    with SqliteDatabase(tmp_path / "agentcron.db").audit() as audit:
        assert "record 2" in audit.unchained()


async def test_doctor_says_what_keeps_effects_from_happening(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        await world.play("work")
        argv = [sys.executable, "-m", "scheduler", "--home", str(tmp_path), "doctor"]
        before = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
        assert "records are not in the log yet" in before
        (path,) = files(world.config.log)
        path.write_bytes(path.read_bytes() + b"nonsense\n")
        after = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert "is no record: somebody changed it" in after.stdout
        assert after.returncode != 0


async def test_lines_hold_the_whole_truth(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await prepare(world)
        await world.play("work")
        await world.services.daylog.sync()
        line = files(world.config.log)[0].read_bytes().splitlines()[2]
        forged = json.loads(line)
        forged["body"]["tool"] = "note"
        assert "body was changed" in flaw(from_line(json.dumps(forged)), None)
        forged = json.loads(line) | {"kind": "closed"}
        assert "hash does not fit" in flaw(from_line(json.dumps(forged)), None)
        assert os.path.basename(files(world.config.log)[0]) == from_line(line).day + ".jsonl"
