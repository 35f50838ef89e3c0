"""Backup and restore as a person meets them: where files may go, what is wrong with them, what comes next."""

from __future__ import annotations

import json
import resource
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.person import ask
from tests.kit.processes import ROOT, Installation, clean_environment
from tests.kit.spoiled import corrupt, garbage, newer, no_database, nothing

pytestmark = pytest.mark.process


def test_a_backup_is_one_private_file_that_says_what_to_do_with_it(
    used: Installation, tmp_path: Path
) -> None:
    copy = tmp_path / "my copy"
    said = ask(used, "backup", str(copy)).is_fine("1 run, sound", f"agentcron restore '{copy}' --dry-run")
    assert said.err == ""
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob("*copy*")] == ["my copy"], "nothing lies beside it"
    connection = sqlite3.connect(copy)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()
    shown = json.loads(ask(used, "backup", str(copy), "--force", "--json").out)
    assert (shown["runs"], shown["file"], shown["size_bytes"]) == (1, str(copy), copy.stat().st_size)


def test_a_file_that_is_there_is_not_overwritten(used: Installation, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_text("precious")
    ask(used, "backup", str(copy)).is_error(4, "is there already", "--force")
    assert copy.read_text() == "precious"
    ask(used, "backup", str(copy), "--force").is_fine()


def test_places_that_will_not_do(used: Installation, tmp_path: Path) -> None:
    database = str(used.database)
    ask(used, "backup", database).is_error(2, "the database itself")
    ask(used, "backup", database, "--force").is_error(2, "the database itself")
    ask(used, "backup", str(tmp_path)).is_error(2, "is a directory", "agentcron.backup")
    ask(used, "backup", str(tmp_path / "no" / "copy")).is_error(3, "there is no directory")
    ask(used, "backup", ".").is_error(2, "help: ")
    ask(used, "backup", "").is_error(2, "help: ")
    ask(used, "backup", "/proc/copy").is_error(5, "/proc/copy cannot be written", "help: ")


def test_a_disk_without_room_keeps_no_part_of_a_copy(used: Installation, tmp_path: Path) -> None:
    # A limit on the size of files is a full disk to whoever writes one.
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))

    connection = sqlite3.connect(used.database)
    with connection:
        connection.execute("CREATE TABLE ballast AS SELECT zeroblob(300000) AS x")
    connection.close()
    argv = ["-m", "scheduler", "--home", str(used.home), "backup", str(tmp_path / "copy")]
    done = subprocess.run(
        [sys.executable, *argv], cwd=ROOT, env=clean_environment(), capture_output=True, text=True,
        check=False, preexec_fn=limited,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (5, "")
    assert "copy cannot be written: the disk refused" in done.stderr
    assert done.stderr.count("error: ") == 1
    assert not [path for path in tmp_path.iterdir() if "copy" in path.name]


def test_files_that_are_no_backup(used: Installation, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    ask(used, "backup", str(copy)).is_fine()
    ask(used, "restore", str(tmp_path / "none")).is_error(3, "there is no file")
    ask(used, "restore", str(tmp_path)).is_error(2, "is a directory")
    ask(used, "restore", str(used.database)).is_error(2, "the database itself")
    before = used.database.read_bytes()
    for spoil, words in (
        (garbage, "is not an agentcron database"),
        (corrupt, "damaged"),
        (newer, "newer"),
    ):
        bad = tmp_path / spoil.__name__
        bad.mkdir()
        shutil.copy(copy, bad / "agentcron.db")
        spoil(bad)
        ask(used, "restore", str(bad / "agentcron.db")).is_error(5, words, "help: ")
    foreign = tmp_path / "foreign"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE diary (x)")
    connection.close()
    ask(used, "restore", str(foreign)).is_error(5, "is not an agentcron database")
    assert used.database.read_bytes() == before


def test_a_dry_run_changes_nothing(used: Installation, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    ask(used, "run", "nap").is_fine()
    ask(used, "backup", str(copy)).is_fine()
    before = used.database.read_bytes()
    ask(used, "restore", str(copy), "--dry-run").is_fine(
        "1 run would wait for a person", "nothing was changed"
    )
    assert used.database.read_bytes() == before
    shown = json.loads(ask(used, "restore", str(copy), "--dry-run", "--json").out)
    assert (shown["waits_for_a_person"], shown["marked"], shown["restored"]) == (1, True, False)


@pytest.mark.parametrize("spoil", [corrupt, garbage, no_database, nothing], ids=lambda spoil: spoil.__name__)
def test_a_lost_database_comes_back(used: Installation, tmp_path: Path, spoil: object) -> None:
    copy = tmp_path / "copy"
    ask(used, "backup", str(copy)).is_fine()
    spoil(used.home)  # type: ignore[operator]
    lost = used.database.read_bytes() if used.database.exists() else None
    said = ask(used, "restore", str(copy)).is_fine("1 run, sound", "agentcron up")
    assert json.loads(ask(used, "db", "status", "--json").out)["state"] == "current"
    aside = list(used.home.glob("agentcron.db.before-restore-*"))
    assert [path.read_bytes() for path in aside] == ([] if lost is None else [lost])
    assert ("the previous database is now" in said.out) is (lost is not None)


def test_a_copy_by_other_means_is_taken_too(used: Installation, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    source, target = sqlite3.connect(used.database), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.close()
    ask(used, "restore", str(copy)).is_fine("was not made by agentcron backup", "1 run, sound")
    assert json.loads(ask(used, "list", "--json").out)["source"] == "database"


def test_a_copy_of_a_copy_is_as_old_as_the_first(used: Installation, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    ask(used, "backup", str(first)).is_fine()
    shutil.copy(first, used.database)
    said = ask(used, "list").is_fine()
    assert "this database is a restored backup" in said.err
    ask(used, "backup", str(second)).is_fine()

    def age(path: Path) -> str:
        shown = json.loads(ask(used, "restore", str(path), "--dry-run", "--json").out)
        return str(shown["taken_at"])

    assert age(first) == age(second)
