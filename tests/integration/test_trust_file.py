"""The trust file on the disk: a policy or a fault, and nothing that lies there widens a policy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scheduler.adapters.trust_file import TrustFile, read_policy
from scheduler.config import Config, load
from scheduler.core.job import Job
from scheduler.core.trigger import Every
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
    assert "others may write its folder" in read_policy(config).fault
    config.trust.parent.chmod(0o1777)  # as /tmp: only the owner of a file may replace it
    assert read_policy(config).fault == ""


def test_the_folder_that_a_link_leads_to_counts_too(config: Config, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "trust.toml").write_text("", encoding="utf-8")
    config.trust.symlink_to(elsewhere / "trust.toml")
    assert read_policy(config).fault == ""
    elsewhere.chmod(0o777)
    assert f"others may write its folder {elsewhere}" in read_policy(config).fault


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
