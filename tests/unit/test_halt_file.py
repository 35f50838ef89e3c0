"""The halt file: whatever lies there halts, and only its absence does not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from scheduler.adapters.halt_file import NO_REASON, HaltFile
from scheduler.errors import CannotWorkError
from scheduler.ports.halt import Halt


@pytest.fixture
def file(tmp_path: Path) -> HaltFile:
    return HaltFile(tmp_path / "HALT")


def test_without_the_file_nothing_is_halted(file: HaltFile) -> None:
    assert file.look() is None
    assert file.reason() is None


def test_what_is_written_is_the_reason_and_for_its_owner_only(file: HaltFile) -> None:
    file.write("it writes nonsense")
    assert file.reason() == "it writes nonsense"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [path.name for path in file.path.parent.iterdir()] == ["HALT"]
    assert file.remove()
    assert not file.remove()
    assert file.reason() is None


def test_an_empty_file_halts(file: HaltFile) -> None:
    file.path.touch()
    assert file.reason() == NO_REASON


@pytest.mark.parametrize("kind", ["folder", "fifo", "dangling link", "link to a secret"])
def test_whatever_is_there_halts_and_is_not_read(file: HaltFile, tmp_path: Path, kind: str) -> None:
    if kind == "folder":
        file.path.mkdir()
    elif kind == "fifo":
        os.mkfifo(file.path)
    elif kind == "dangling link":
        file.path.symlink_to(tmp_path / "nowhere")
    else:
        (tmp_path / "secret").write_text("hunter2")
        file.path.symlink_to(tmp_path / "secret")
    assert file.reason() == NO_REASON


def test_a_file_of_the_year_30000_halts_since_nobody_knows_when(
    file: HaltFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write("later")
    found = os.stat_result((*os.lstat(file.path)[:8], 1 << 60, 0))
    monkeypatch.setattr(os, "lstat", lambda _: found)
    assert file.look() == Halt("later", None)


def test_a_place_that_cannot_be_looked_at_halts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    halt = HaltFile(tmp_path / "file" / "HALT").look()
    assert halt is not None
    assert "nobody can tell" in halt.reason
    assert halt.since is None


def test_a_reason_cannot_steer_a_terminal(file: HaltFile) -> None:
    file.path.write_bytes(b"\x1b]52;c;AAAA\x07 stop\nnow \xff" + b"x" * 10_000)
    reason = file.reason()
    assert reason is not None
    assert reason.isprintable()
    assert "stop now" in reason
    assert len(reason) < 700


def test_a_folder_that_is_there_is_left_to_a_person(file: HaltFile) -> None:
    file.path.mkdir()
    with pytest.raises(CannotWorkError, match="cannot remove"):
        file.remove()
