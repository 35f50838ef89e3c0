"""The main job against a Messages API that we did not write (llmock): sleep, kill -9, resume, faults."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from llmock.scenarios import Fail, Reply, StreamFault, ToolCall
from llmock.testing import LLMockServer

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.run import FINAL, State
from scheduler.core.time.instants import from_iso
from tests.kit.processes import Installation, Process, until

pytestmark = pytest.mark.process


@pytest.fixture
def llmock(place: Installation) -> Iterator[LLMockServer]:
    """A fresh llmock server that the home's daemons talk to."""
    with LLMockServer() as server:
        place.environment |= {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": server.base_url("anthropic")}
        yield server


def call(name: str, **given: Any) -> Reply:
    """Make a scripted answer with one tool call."""
    return Reply(tool_calls=(ToolCall(name, given),))


def bodies(server: LLMockServer) -> list[dict[str, Any]]:
    """Return the bodies of all requests, in their order."""
    return [record.body for record in server.state.journal.records(wait=1.0)]


def due_now(place: Installation, **options: str) -> None:
    """Write a crontab with one job that is due at once."""
    more = "".join(f" {name}={value}" for name, value in options.items())
    instant = datetime.now(UTC) - timedelta(seconds=1)
    place.crontab(f'@at {instant:%Y-%m-%dT%H:%M:%SZ}  job  "Read inbox.md, rest, report."{more}\n')
    workdir = place.home / "work" / "job"
    workdir.mkdir(parents=True, exist_ok=True)
    (workdir / "inbox.md").write_text("one letter\n")


def wait_for(place: Installation, daemon: Process, *states: State) -> Any:
    """Wait until the only run is in one of these states."""

    def look() -> Any:
        assert daemon.poll() is None, daemon.stderr
        if not (place.home / "agentcron.db").exists() or "crontab loaded" not in daemon.stderr:
            return None
        with SqliteDatabase(place.database).history() as reader:
            runs = reader.runs(job="job", limit=2)
        assert len(runs) <= 1
        return runs[0] if runs and runs[0].state in states else None

    return until(look, 40, lambda: f"a run that is {states}\n{daemon.stderr}")


def test_an_agent_reads_sleeps_is_killed_and_continues_where_it_was(
    place: Installation, llmock: LLMockServer
) -> None:
    for reply in (
        call("read", file_path="inbox.md"),
        call("sleep", until="5s", reason="a rest"),
        call("write", file_path="report.md", content="One letter came."),
        call("finish", summary="Reported.", outcome="done"),
    ):
        llmock.state.scenarios.add(reply)
    due_now(place)
    first = place.start("up")
    asleep = wait_for(place, first, State.SLEEPING)
    first.kill()
    assert len(bodies(llmock)) == 2
    listed = place.json("list")
    (sleeper,) = listed["runs"]
    assert (sleeper["id"], sleeper["state"], sleeper["waiting_for"]) == (asleep.id, "sleeping", "a rest")

    second = place.start("up")
    done = wait_for(place, second, *FINAL)
    assert (done.id, done.state, done.summary) == (asleep.id, State.SUCCEEDED, "Reported.")
    assert (place.home / "work" / "job" / "report.md").read_text() == "One letter came."
    sent = [body["messages"] for body in bodies(llmock)]
    assert len(sent) == 4, "the API saw each request once"
    for earlier, later in pairwise(sent):
        assert later[: len(earlier)] == earlier
    with SqliteDatabase(place.database).history() as reader:
        requests = reader.requests(done.id)
    assert [request.state for request in requests] == ["answered"] * 4
    assert requests[2].started_at >= asleep.wake_at, "no request while asleep"
    second.send(signal.SIGTERM)
    assert second.wait() == 0


def test_f45_a_long_retry_after_becomes_a_wake_up_that_no_process_waits_for(
    place: Installation, llmock: LLMockServer
) -> None:
    llmock.state.scenarios.add(Fail(status=429, retry_after=3600))
    due_now(place)
    daemon = place.start("up")
    run = wait_for(place, daemon, State.RETRYING)
    daemon.send(signal.SIGTERM)
    assert daemon.wait(10) == 0, "nothing holds the daemon back"
    (row,) = place.json("list")["runs"]
    assert row["state"] == "retrying"
    waits = (from_iso(row["wake_at"]) - run.started_at).total_seconds()
    assert 3600 <= waits < 3630
    assert len(bodies(llmock)) == 1
    place.do("tick")
    assert len(bodies(llmock)) == 1, "asked before its time"
    place.do("resume", run.id)
    llmock.state.scenarios.add(call("finish", summary="At last.", outcome="done"))
    place.do("tick")
    with SqliteDatabase(place.database).history() as reader:
        assert reader.run(run.id).summary == "At last."


def test_f46_overload_backs_off_and_is_over_when_it_is_over(
    place: Installation, llmock: LLMockServer
) -> None:
    llmock.state.scenarios.add(Fail(status=529, times=3))
    llmock.state.scenarios.add(call("finish", summary="Through.", outcome="done"))
    due_now(place)
    daemon = place.start("up")
    run = wait_for(place, daemon, State.RETRYING)
    with SqliteDatabase(place.database).history() as reader:
        requests = reader.requests(run.id)
    assert [request.state for request in requests] == ["failed"] * 3
    gaps = [(b.started_at - a.started_at).total_seconds() for a, b in pairwise(requests)]
    assert gaps[0] >= 0.9
    assert gaps[1] > gaps[0] * 1.5, "the waits grow"
    assert 25 < (run.wake_at - requests[-1].started_at).total_seconds() < 40
    place.do("resume", run.id)
    assert wait_for(place, daemon, *FINAL).summary == "Through."


def test_f47_a_stream_cut_in_a_tool_use_runs_no_tool(place: Installation, llmock: LLMockServer) -> None:
    llmock.state.scenarios.add(
        call("write", file_path="cut.md", content="must not be written by half an order")
    )
    llmock.state.scenarios.add(StreamFault(kind="disconnect", after_chunks=3))
    due_now(place)
    daemon = place.start("up")
    until(lambda: len(bodies(llmock)) >= 1, 30, "the first request")
    llmock.state.scenarios.add(call("finish", summary="Second try.", outcome="done"))
    done = wait_for(place, daemon, *FINAL)
    with SqliteDatabase(place.database).history() as reader:
        requests, calls = reader.requests(done.id), reader.calls(done.id)
    assert requests[0].state == "failed"
    assert requests[-1].state == "answered"
    assert not (place.home / "work" / "job" / "cut.md").exists()
    assert [c.name for c in calls] == ["finish"]
