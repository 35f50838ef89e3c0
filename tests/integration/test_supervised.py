"""A daemon under systemd's eyes: a real process, and a stand-in for the socket that systemd listens at."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.fake_messages_api import FakeMessagesAPI, answer
from tests.kit.notify import NotifyListener
from tests.kit.processes import Installation, Process, until
from tests.kit.scene import Scene

pytestmark = pytest.mark.process

FINISH = answer(calls=[("finish", {"summary": "Over.", "outcome": "done"})])


@pytest.fixture
def systemd() -> Iterator[NotifyListener]:
    listener = NotifyListener.abstract()
    yield listener
    listener.close()


def up(place: Installation, systemd: NotifyListener, *options: str, watchdog: float = 2.0) -> Process:
    """Start a daemon as systemd does."""
    return place.start(
        "up", *options, NOTIFY_SOCKET=systemd.address, WATCHDOG_USEC=str(round(watchdog * 1e6))
    )


def test_from_ready_to_stopping(place: Installation, systemd: NotifyListener) -> None:
    place.crontab('@manual  one  "x"  model=rehearsal:none.jsonl\n')
    daemon = up(place, systemd)
    systemd.wait("READY=1")
    assert "crontab loaded: 1 job" in daemon.stderr, "ready means that the crontab is loaded"
    systemd.wait("STATUS=1 job, 0 runs at work, nothing due")
    time.sleep(3.2)
    assert 3 <= systemd.count("WATCHDOG=1") <= 6, "an idle daemon is petted as well, once a second"
    daemon.send(signal.SIGHUP)
    systemd.wait("RELOADING=1")
    systemd.wait("MONOTONIC_USEC=")
    until(lambda: systemd.count("READY=1") == 2, 20, "ready again")
    place.crontab("\x00")
    daemon.send(signal.SIGHUP)
    until(lambda: systemd.count("READY=1") == 3, 20, lambda: f"ready in spite of a bad file {systemd.heard}")
    daemon.send(signal.SIGTERM)
    systemd.wait("STOPPING=1")
    assert daemon.wait() == 0, daemon.stderr


def test_a_loop_that_stands_still_is_not_petted(place: Installation, systemd: NotifyListener) -> None:
    place.crontab('@manual  one  "x"  model=rehearsal:none.jsonl\n')
    daemon = up(place, systemd)
    systemd.wait("WATCHDOG=1")
    daemon.send(signal.SIGSTOP)
    systemd.decide_calls()
    petted = systemd.count("WATCHDOG=1")
    time.sleep(2.5)
    assert systemd.count("WATCHDOG=1") == petted
    daemon.send(signal.SIGCONT)
    until(lambda: systemd.count("WATCHDOG=1") > petted, 10, "a pat")
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr


def test_a_hang_that_systemd_ends_leaves_the_stacks(place: Installation, systemd: NotifyListener) -> None:
    place.crontab('@manual  one  "x"  model=rehearsal:none.jsonl\n')
    daemon = up(place, systemd)
    systemd.wait("READY=1")
    daemon.send(signal.SIGABRT)
    assert daemon.wait() == -signal.SIGABRT
    assert "Current thread" in daemon.stderr
    assert "committer.py" in daemon.stderr, "all threads, not only the first"


def test_a_slow_step_at_the_end_asks_for_more_time(
    scene: Scene, api: FakeMessagesAPI, systemd: NotifyListener
) -> None:
    scene.write(prompt="Answer in your own time.")
    api.script(
        "Answer in your own time.", answer("Later.", calls=[("note", {"text": "x"})], delay_seconds=4), FINISH
    )
    daemon = up(scene.place, systemd, "--grace", "20")
    until(lambda: api.requests, 30, "the request")
    daemon.send(signal.SIGTERM)
    assert daemon.wait(30) == 0, daemon.stderr
    systemd.decide_calls()
    after = systemd.heard[systemd.heard.index("STOPPING=1") :]
    assert after.count("EXTEND_TIMEOUT_USEC=15000000") >= 2
    assert after.count("WATCHDOG=1") >= 2, "it works, it does not hang"
