"""The trust file on the disk: a policy or a fault, and nothing that lies there widens a policy."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.adapters.trust_file import TrustFile, read_policy
from scheduler.app.crontab import crontab_file
from scheduler.config import Config, load
from scheduler.core.job.job import Job
from scheduler.core.time.trigger import Every
from scheduler.errors import ConfigError

JOB = Job("brief", Every("1h", name="brief"), "Say hello.")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(str(tmp_path))


def test_a_pipe_is_a_fault_and_nothing_waits_for_it(config: Config) -> None:
    os.mkfifo(config.trust, 0o600)
    assert "no regular file" in read_policy(config).fault


def test_a_folder_in_which_others_may_replace_the_file_is_a_fault(config: Config) -> None:
    config.trust.write_text("", encoding="utf-8")
    config.trust.parent.chmod(0o777)
    assert "others may write the folder" in read_policy(config).fault
    config.trust.parent.chmod(0o1777)  # as /tmp: only the owner of a file may replace it
    assert read_policy(config).fault == ""


def test_the_folder_that_a_link_leads_to_counts_too(config: Config, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "trust.toml").write_text("", encoding="utf-8")
    config.trust.symlink_to(elsewhere / "trust.toml")
    assert read_policy(config).fault == ""
    elsewhere.chmod(0o777)
    assert f"others may write the folder {elsewhere}" in read_policy(config).fault


def test_all_folders_up_to_the_root_count(tmp_path: Path) -> None:
    """Who may write in one of them can put another home into its place."""
    (tmp_path / "open" / "closed" / "home").mkdir(parents=True)
    config = load(str(tmp_path / "open" / "closed" / "home"))
    config.trust.write_text("", encoding="utf-8")
    assert read_policy(config).fault == ""
    for mode in (0o777, 0o770):
        (tmp_path / "open").chmod(mode)
        assert f"others may write the folder {tmp_path}/open" in read_policy(config).fault


def test_a_folder_of_another_user_on_the_way_is_a_fault(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.trust.write_text("", encoding="utf-8")
    real = os.lstat

    def lstat(path: str) -> os.stat_result:
        found = real(path)
        other = (*found[:4], 4711, *found[5:]) if path == str(config.home.parent) else found
        return os.stat_result(other)

    monkeypatch.setattr(os, "lstat", lstat)
    assert f"{config.home.parent} on the way to it belongs to another user" in read_policy(config).fault


def test_a_file_that_is_reached_through_a_workdir_is_a_fault(config: Config, tmp_path: Path) -> None:
    """Also when the last link leads out of it again, and when nothing lies there yet."""
    (config.work / "brief").mkdir(parents=True)
    (config.work / "brief" / "t.toml").symlink_to(tmp_path / "t.toml")
    config.trust.symlink_to(config.work / "brief" / "t.toml")
    assert "where agents work" in read_policy(config).fault
    (tmp_path / "t.toml").write_text("", encoding="utf-8")
    assert "where agents work" in read_policy(config).fault


def test_a_link_into_a_named_workdir_refuses_that_job(config: Config, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "t.toml").touch()
    config.trust.symlink_to(tmp_path / "w" / "t.toml")
    config.crontab.write_text(f'@daily brief "x" workdir={tmp_path}/w\n', encoding="utf-8")
    [broken] = crontab_file(config).read(datetime(2026, 11, 22, tzinfo=UTC)).broken
    assert "it contains the trust file" in broken.problem


def test_what_a_file_forbade_is_not_allowed_because_the_file_is_gone(config: Config) -> None:
    profile_of = TrustFile(config)
    assert profile_of(JOB).name == "propose", "there was none yet"
    config.trust.write_text('default = "observe"', encoding="utf-8")
    assert profile_of(JOB).name == "observe"
    config.trust.unlink()
    with pytest.raises(ConfigError, match="was there and is gone"):
        profile_of(JOB)
    config.trust.write_text('default = "observe" ', encoding="utf-8")
    assert profile_of(JOB).name == "observe"
