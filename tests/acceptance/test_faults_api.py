"""Faults of the API, each at the level of a run: what a real daemon makes of it, and that it costs no more.

All cases are jobs of one crontab.  A daemon plays them at once, and each test looks at its own.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.conversation import Request
from scheduler.core.run.run import Run, State
from scheduler.core.run.wakeup import Waking
from tests.fake_messages_api import FakeMessagesAPI, Seen, Turn, answer, fail, verify_pairing
from tests.kit.cases import play, prompt, reports
from tests.kit.person import ask
from tests.kit.processes import Installation, Zygote
from tests.kit.validity import assert_valid

pytestmark = pytest.mark.process

STAMP = [("stamp", {"text": "must not be made"})]
FINISH = answer("", [("finish", {"summary": "Through."})])


@dataclass(frozen=True, slots=True)
class Case:
    """What the API says, and what becomes of the run."""

    turns: tuple[Turn, ...]
    state: State
    code: str = ""
    requests: int = 1
    options: str = ""


CASES = {
    "context": Case(
        (answer("Long.", STAMP, stop_reason="model_context_window_exceeded"),) * 9, State.PARKED, "context"
    ),
    # F46: two blips of a second and four, then the run waits as a row.
    "f46-storm": Case((fail(529, "overloaded_error", times=9),), State.RETRYING, "overloaded", 3),
    "f46-sse": Case(
        (answer("Half", sse_error="overloaded_error", times=9),), State.RETRYING, "overloaded", 3
    ),
    "f46-sse-blip": Case(
        (answer("Half", STAMP, sse_error="overloaded_error", cut_at="tool_use"), FINISH),
        State.SUCCEEDED,
        requests=2,
    ),
    "f48": Case((answer("", STAMP, stop_reason="max_tokens"), FINISH), State.SUCCEEDED, requests=2),
    "f48-forever": Case(
        (answer("", STAMP, stop_reason="max_tokens"),) * 9, State.FAILED, "max-steps", 2, "max-steps=2"
    ),
    "f49-pause": Case((answer("Wait.", stop_reason="pause_turn"), FINISH), State.SUCCEEDED, requests=2),
    "f49-pause-forever": Case(
        (answer("Wait.", stop_reason="pause_turn"),) * 9, State.FAILED, "max-steps", 4, "max-steps=4"
    ),
    "f49-unknown": Case((answer("Hm.", STAMP, stop_reason="bored"),), State.PARKED, "unknown-answer"),
    "f50-refusal": Case((answer("No.", stop_reason="refusal"),), State.FAILED, "refusal"),
    "f50-refusal-of-a-call": Case((answer("No.", STAMP, stop_reason="refusal"),), State.FAILED, "refusal"),
    "f51": Case(
        (answer("", [("note", {"text": "n"})]), fail(400, "invalid_request_error", times=9)),
        State.PARKED,
        "invalid",
        2,
    ),
    "f52-401": Case((fail(401, "authentication_error", times=9),), State.PARKED, "auth"),
    "f52-402": Case((fail(402, "billing_error", times=9),), State.PARKED, "billing"),
    "f52-403": Case((fail(403, "permission_error", times=9),), State.PARKED, "auth"),
    "error-413": Case((fail(413, "request_too_large", times=9),), State.PARKED, "context"),
    "error-500": Case((fail(500, "api_error"), FINISH), State.SUCCEEDED, requests=2),
    "late-by-date": Case(
        (
            fail(
                429,
                "rate_limit_error",
                headers={
                    "retry-after": "Fri, 20 Nov 2026 14:00:00 GMT",
                    "date": "Fri, 20 Nov 2026 12:00:00 GMT",
                },
            ),
        ),
        State.RETRYING,
        "rate_limited",
    ),
    "late-by-ages": Case(
        (fail(429, "rate_limit_error", retry_after=10**15),), State.RETRYING, "rate_limited"
    ),
    "late-in-words": Case(
        (fail(429, "rate_limit_error", retry_after="tomorrow"),), State.RETRYING, "rate_limited"
    ),
}


@dataclass(frozen=True, slots=True)
class Played:
    """A home in which all cases were played."""

    place: Installation
    api: FakeMessagesAPI

    def run(self, name: str) -> Run:
        """The one run of a case."""
        (run,) = self.place.runs(name)
        return run

    def seen(self, name: str) -> list[Seen]:
        """What the API has seen of a case."""
        return [seen for seen in self.api.requests if seen.marker == prompt(name)]

    def requests(self, name: str) -> list[Request]:
        """What is on record about them."""
        with SqliteDatabase(self.place.database).history() as reader:
            return reader.requests(self.run(name).id)

    def stamped(self, name: str) -> bool:
        """Whether the tool was run that must not be run in any case."""
        return (self.place.home / "work" / name / "stamps").exists()

    def check(self, name: str) -> Run:
        """Assert that a case ended as it is written, at no further cost, and is shown; return its run."""
        case, run = CASES[name], self.run(name)
        assert (run.state, run.reason_code) == (case.state, case.code), run
        assert len(self.seen(name)) == len(self.requests(name)) == case.requests
        with SqliteDatabase(self.place.database).history() as reader:
            assert_valid(reader.messages(run.id))
        assert not self.stamped(name)
        assert reports(self.place)[name] == (run.state is not State.RETRYING)
        for verb in (("show", run.id), ("why", name)):
            assert ask(self.place, *verb).is_clean().status == 0
        return run


@pytest.fixture(scope="module")
def played(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """All cases, played by one daemon."""
    with FakeMessagesAPI() as api:
        place = Installation(zygote, tmp_path_factory.mktemp("faults") / "home")
        for name, case in CASES.items():
            api.script(prompt(name), *case.turns)
        (daemon,) = play(
            place, api.url, {name: f"tools=stamp {case.options}" for name, case in CASES.items()}
        )
        daemon.send(signal.SIGTERM)
        assert daemon.wait() == 0, daemon.stderr
        yield Played(place, api)
        place.close()


def of(prefix: str) -> pytest.MarkDecorator:
    """All cases whose names begin so."""
    return pytest.mark.parametrize("name", [name for name in CASES if name.startswith(prefix)])


@of("f46")
def test_f46_an_overload_is_waited_for_as_a_row(played: Played, name: str) -> None:
    run = played.check(name)
    if run.state is State.RETRYING:
        assert run.wake_at is not None
        assert 25 < (run.wake_at - played.requests(name)[-1].started_at).total_seconds() < 40


@of("f48")
def test_f48_a_call_that_was_cut_at_the_token_limit_is_not_run(played: Played, name: str) -> None:
    run = played.check(name)
    assert "was cut off at the token limit" in played.place.do("show", run.id, "--full").stdout


@of("f49")
def test_f49_a_paused_turn_is_sent_back_and_an_unknown_stop_is_parked(played: Played, name: str) -> None:
    played.check(name)
    if name == "f49-pause":
        first, second = (seen.messages for seen in played.seen(name))
        assert second == [*first, {"role": "assistant", "content": [{"type": "text", "text": "Wait."}]}]


@of("f50")
def test_f50_a_refusal_ends_the_run_and_runs_nothing(played: Played, name: str) -> None:
    assert played.check(name).outcome == "failed"


def test_f50_a_full_context_neither_loops_nor_runs_tools(played: Played) -> None:
    run = played.run("context")
    assert run.state is State.PARKED
    assert len(played.seen("context")) <= 6
    assert not played.stamped("context")


@of("f51")
def test_f51_a_conversation_that_is_refused_is_parked_after_one_try(played: Played, name: str) -> None:
    run = played.check(name)
    with SqliteDatabase(played.place.database).history() as reader:
        assert [wakeup.kind for wakeup in reader.wakeups(run.id)] == [Waking.DEADLINE]


@of("f52")
def test_f52_a_key_that_is_refused_parks_with_an_hourly_probe_and_one_notice(
    played: Played, name: str
) -> None:
    run = played.check(name)
    assert run.wake_at is not None
    assert 3500 < (run.wake_at - datetime.now(UTC)).total_seconds() < 3601


@of("late")
def test_a_wait_that_is_asked_for_in_another_way_is_kept(played: Played, name: str) -> None:
    run = played.check(name)
    assert run.wake_at is not None
    waits = (run.wake_at - datetime.now(UTC)).total_seconds()
    assert waits < {"late-by-date": 7200, "late-by-ages": 86_400, "late-in-words": 30}[name] < waits + 60


@of("error")
def test_other_errors_are_told_apart(played: Played, name: str) -> None:
    played.check(name)


def test_no_conversation_was_sent_that_the_api_refuses(played: Played) -> None:
    verify_pairing(seen for seen in played.api.requests if seen.marker != prompt("context"))
    assert not played.api.refusals
