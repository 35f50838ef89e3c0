"""What is no answer of the API at all: gateways, portals, garbage, and connections that break or drip."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scheduler.adapters.anthropic.model import AnthropicModel
from scheduler.adapters.sql.sqlite.database import SqliteDatabase
from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import Run, State
from scheduler.testing.world import open_world
from tests.fake_messages_api import FakeMessagesAPI, answer
from tests.kit.cases import play, prompt
from tests.kit.person import ask
from tests.kit.processes import Installation, Zygote
from tests.kit.raw_api import Raw, RawApi, events
from tests.kit.validity import assert_valid

pytestmark = pytest.mark.process

WHOLE = events(answer("Over."))
TWO_CALLS = events(answer("", [("stamp", {"text": "a"}), ("stamp", {"text": "b"})]))
HTML = b"<html><body>Please log in.</body></html>"
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
LEASE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Case:
    """What the server says, and what becomes of the run."""

    answers: tuple[Raw, ...]
    state: State
    code: str = ""
    requests: int = 1
    options: str = ""


def parked(*answers: Raw, code: str = "unknown-answer") -> Case:
    """Nobody knows what that was: a person must look, and nothing is asked again."""
    return Case(answers, State.PARKED, code)


def waits(*answers: Raw, code: str = "cut") -> Case:
    """It may be over in a moment: asked three times, and then the run waits as a row."""
    return Case(answers, State.RETRYING, code, 3)


CASES = {
    "portal": parked(Raw(200, HTML, "text/html")),
    "nonsense": parked(Raw(200, b'{"type": "message"}', "application/json")),
    "forbidden": parked(Raw(403, HTML, "text/html"), code="auth"),
    "numbers": parked(Raw(200, b"event: x\ndata: 7\n\n")),
    "gateway": waits(Raw(502, HTML, "text/html"), code="overloaded"),
    "empty": waits(Raw(200, b"")),
    "garbled": waits(Raw(200, b"event: message_start\ndata: {nonsense\n\n")),
    "not-utf8": waits(Raw(200, b"event: ping\ndata: \xff\xfe\n\n")),
    "not-gzip": waits(Raw(200, WHOLE, headers={"content-encoding": "gzip"})),
    "deep": waits(Raw(200, b"event: x\ndata: " + b"[" * 100_000 + b"\n\n")),
    "twins": parked(Raw(200, TWO_CALLS.replace(b"toolu_raw_3", b"toolu_raw_2"))),
    "usage": Case(
        (Raw(200, WHOLE.replace(b'"output_tokens": 1', b'"output_tokens": "x"')),), State.SUCCEEDED
    ),
    "f53": Case((Raw(200, WHOLE, promise=10),), State.SUCCEEDED),
    "f53-too-soon": Case((Raw(200, WHOLE[:-30], promise=10), Raw(200, WHOLE)), State.SUCCEEDED, requests=2),
    # Longer than the lease, which must go on beating meanwhile.
    "f54": Case((Raw(200, WHOLE, drip_seconds=LEASE_SECONDS / 3),), State.SUCCEEDED),
    "f54-for-ever": Case(
        (Raw(200, PING, drip_seconds=0.3, forever=True),), State.FAILED, "timeout", 1, "timeout=4s"
    ),
}


@dataclass(frozen=True, slots=True)
class Played:
    """A home in which all cases were played."""

    place: Installation
    api: RawApi

    def check(self, name: str) -> Run:
        """Assert that a case ended as it is written, at no further cost, and is shown; return its run."""
        case = CASES[name]
        (run,) = self.place.runs(name)
        assert (run.state, run.reason_code) == (case.state, case.code), run
        with SqliteDatabase(self.place.database).history() as reader:
            assert_valid(reader.messages(run.id))
            assert len(reader.requests(run.id)) == self.api.asked[prompt(name)] == case.requests
            assert not [call for call in reader.calls(run.id) if call.state is CallState.DONE]
        assert not (self.place.home / "work" / name / "stamps").exists()
        assert run.epoch == 1, "somebody else took the run over"
        for verb in (("show", run.id), ("why", name)):
            assert ask(self.place, *verb).is_clean().status == 0
        return run


@pytest.fixture(scope="module")
def played(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """All cases, played by two daemons with a short lease."""
    with RawApi({prompt(name): case.answers for name, case in CASES.items()}) as api:
        place = Installation(zygote, tmp_path_factory.mktemp("answers") / "home")
        jobs = {name: f"tools=stamp {case.options}" for name, case in CASES.items()}
        daemons = play(place, api.url, jobs, "--lease", str(LEASE_SECONDS), daemons=2)
        for daemon in daemons:
            daemon.send(signal.SIGTERM)
        for daemon in daemons:
            assert daemon.wait() == 0, daemon.stderr
        yield Played(place, api)
        place.close()


def of(prefix: str) -> pytest.MarkDecorator:
    """All cases whose names begin so."""
    return pytest.mark.parametrize("name", [name for name in CASES if name.startswith(prefix)])


@of("f53")
def test_f53_a_connection_that_breaks_after_the_answer_breaks_nothing(played: Played, name: str) -> None:
    assert played.check(name).summary == "Over."


@of("f54")
def test_f54_a_slow_drip_is_waited_for_while_the_lease_beats_on(played: Played, name: str) -> None:
    played.check(name)


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("f5")])
def test_what_is_no_answer_of_the_api_is_told_apart(played: Played, name: str) -> None:
    played.check(name)


def test_a_redirect_is_not_followed_with_key_and_conversation(place: Installation) -> None:
    with RawApi({}) as elsewhere:
        away = Raw(307, headers={"location": f"{elsewhere.url}/v1/messages"})
        with RawApi({prompt("redirect"): [away]}) as api:
            (daemon,) = play(place, api.url, {"redirect": ""})
            daemon.send(signal.SIGTERM)
            assert daemon.wait() == 0, daemon.stderr
        assert elsewhere.bodies == []
    (run,) = place.runs("redirect")
    assert run.state is State.PARKED
    assert "307" in run.reason


async def test_f54_silence_counts_as_a_cut_and_the_request_is_made_again(
    tmp_path: Path, api: FakeMessagesAPI
) -> None:
    api.enqueue(answer("Half an ans", cut="stall"))
    model = AnthropicModel(api_key="k", base_url=api.url, idle_seconds=1.0)
    async with open_world(tmp_path / "home", model=model) as world:
        await world.load('@manual  job  "Go."\n')
        run = await world.play("job")
        with world.reader() as reader:
            requests = reader.requests(run.id)
    assert run.state is State.SUCCEEDED
    assert [request.state for request in requests] == ["failed", "answered"]
    assert "fell silent" in requests[0].error
    await model.close()
