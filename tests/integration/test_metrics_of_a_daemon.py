"""``up --metrics``: a real daemon, asked as Prometheus and a load balancer ask."""

from __future__ import annotations

import re
import signal
import sqlite3
import urllib.error
import urllib.request

import pytest

from tests.kit.processes import Installation, Process, until

pytestmark = pytest.mark.process

CRONTAB = '@every 1s  one  "x"  model=rehearsal:one.jsonl\n'
URL = re.compile(r"metrics at (http://[\d.]+:\d+)/metrics")


def up(place: Installation, *options: str) -> tuple[Process, str]:
    """Start a daemon; return it and where its figures are."""
    place.crontab(CRONTAB)
    (place.home / "one.jsonl").write_text('{"text": "Done."}\n')
    daemon = place.start("up", "--metrics", "127.0.0.1:0", *options)
    found = until(lambda: URL.search(daemon.stderr), 30, lambda: f"the port\n{daemon.stderr}")
    assert found is not None
    return daemon, found[1]


def get(url: str) -> tuple[int, str]:
    """Ask for a page."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_figures_and_health_of_a_daemon(place: Installation) -> None:
    daemon, url = up(place)
    until(lambda: get(f"{url}/healthz") == (200, "ok\n"), 30, "health")
    until(
        lambda: 'agentcron_run_moves_total{move="finish",reason=""}' in get(f"{url}/metrics")[1], 30, "a run"
    )
    text = get(f"{url}/metrics")[1]
    assert re.search(r"^agentcron_commits_total [1-9]", text, re.M)
    assert 'agentcron_jobs{state="active"} 1.0' in text
    assert re.search(r'^agentcron_build_info\{python=".*",version=".*"\} 1.0$', text, re.M)

    holder = sqlite3.connect(place.database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    until(lambda: get(f"{url}/healthz")[0] == 503, 40, "the locked database to be noticed")
    assert "locked" in get(f"{url}/healthz")[1]
    assert get(f"{url}/metrics")[0] == 200, "who only looks is not kept out"
    holder.execute("ROLLBACK")
    holder.close()
    until(lambda: get(f"{url}/healthz")[0] == 200, 40, "health, again")
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr


def test_an_open_address_and_a_taken_one(place: Installation) -> None:
    daemon, url = up(place)
    port = url.rpartition(":")[2]
    taken = place.do("up", "--metrics", f"127.0.0.1:{port}", status=5)
    assert f"cannot serve metrics at 127.0.0.1:{port}: address already in use" in taken.stderr
    opened = place.do("up", "--metrics", "0.0.0.0:9464", status=2)
    assert "is open to other machines" in opened.stderr
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0, daemon.stderr
