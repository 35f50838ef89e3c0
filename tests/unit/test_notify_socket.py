"""The notify socket: what systemd is told, and when."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scheduler.adapters.notify_socket import NotifySocket
from scheduler.testing.clock import FakeClock
from tests.kit.notify import NotifyListener


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[NotifyListener]:
    listener = NotifyListener(str(tmp_path / "notify"))
    yield listener
    listener.close()


def test_without_a_socket_there_is_nobody_to_tell() -> None:
    assert NotifySocket.from_environment({}, FakeClock()) is None
    assert NotifySocket.from_environment({"NOTIFY_SOCKET": "vsock:2:9"}, FakeClock()) is None


def test_the_variables_are_taken_so_that_no_child_speaks_in_our_name(systemd: NotifyListener) -> None:
    environment = {
        "NOTIFY_SOCKET": systemd.address,
        "WATCHDOG_USEC": "4000000",
        "WATCHDOG_PID": "1",
        "A": "b",
    }
    assert NotifySocket.from_environment(environment, FakeClock()) is not None
    assert environment == {"A": "b"}


def test_ready_is_said_once_and_again_after_a_reload_even_a_vain_one(systemd: NotifyListener) -> None:
    clock = FakeClock()
    clock.advance(5)
    ours = NotifySocket(systemd.address, clock)
    ours.loaded(3, "")
    ours.loaded(4, "")
    assert systemd.decide_calls() == ["READY=1", "STATUS=3 jobs loaded", "STATUS=4 jobs loaded"]
    ours.reloading()
    ours.loaded(4, "crontab is not readable")
    assert systemd.decide_calls()[3:] == [
        *("RELOADING=1", "MONOTONIC_USEC=5000000"),
        *("READY=1", "STATUS=the crontab was not loaded: crontab is not readable"),
    ]


def test_the_status_says_what_there_is_to_do_and_only_when_it_changes(systemd: NotifyListener) -> None:
    ours = NotifySocket(systemd.address, FakeClock())
    for _ in range(3):
        ours.passed(12, 1, datetime(2026, 11, 25, 9, 0, tzinfo=UTC))
    ours.troubled("the disk is full\nREADY=1")
    assert systemd.decide_calls() == [
        "STATUS=12 jobs, 1 run at work, next due 2026-11-25 09:00:00 UTC",
        "STATUS=waiting: the disk is full\\nREADY=1",
    ]


def test_the_watchdog_is_petted_by_beats_at_half_of_its_time(systemd: NotifyListener) -> None:
    environment = {
        "NOTIFY_SOCKET": systemd.address,
        "WATCHDOG_USEC": "4000000",
        "WATCHDOG_PID": str(os.getpid()),
    }
    ours = NotifySocket.from_environment(environment, FakeClock())
    assert ours is not None
    for tenth in range(100):
        ours.beat(tenth / 10)
    assert systemd.decide_calls() == ["WATCHDOG=1"] * 5, "at 0, 2, 4, 6 and 8 s"
    ours.passed(1, 0, None)
    assert systemd.count("WATCHDOG=1") == 5, "nothing but a beat pets it"


def test_a_watchdog_of_another_process_is_left_alone(systemd: NotifyListener) -> None:
    environment = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"}
    ours = NotifySocket.from_environment(environment, FakeClock())
    assert ours is not None
    ours.beat(0.0)
    assert systemd.decide_calls() == []


def test_while_it_winds_down_it_asks_for_more_time(systemd: NotifyListener) -> None:
    ours = NotifySocket(systemd.address, FakeClock(), 60)
    ours.stopping()
    for half in range(8):
        ours.beat(half / 2)
    assert systemd.decide_calls()[0] == "STOPPING=1"
    assert systemd.count("EXTEND_TIMEOUT_USEC=15000000") == 2


def test_abstract_sockets() -> None:
    listener = NotifyListener.abstract()
    NotifySocket(listener.address, FakeClock()).loaded(1, "")
    assert listener.decide_calls() == ["READY=1", "STATUS=1 job loaded"]
    listener.close()


def test_nobody_at_the_other_end_is_one_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours = NotifySocket(str(tmp_path / "nobody"), FakeClock())
    ours.loaded(1, "")
    ours.loaded(2, "")
    assert [record.getMessage() for record in caplog.records] == [
        "the service manager does not listen: No such file or directory"
    ]
