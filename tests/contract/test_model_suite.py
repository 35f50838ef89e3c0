"""The models that there are hold to the suite that ships, and those that do not are caught by it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from scheduler.adapters.anthropic.model import AnthropicModel
from scheduler.core.run.conversation import Usage
from scheduler.errors import ModelFault
from scheduler.ports.model import Ask, Model, Reply
from scheduler.testing.conformance.model import ModelConformance, Service, check_model
from scheduler.testing.rehearsal import ScriptBuilder, script
from tests.fake_messages_api import FakeMessagesAPI, answer, fail
from tests.messages_api_stream import Turn
from tests.plugin.parrot_models import PARROT

OnText = Callable[[str], None]


def request(model: str, *tools: str) -> Ask:
    known = tuple({"name": name, "description": name, "input_schema": {"type": "object"}} for name in tools)
    first = {"role": "user", "content": [{"type": "text", "text": "Look after the garden."}]}
    return Ask(model=model, system="Be brief.", tools=known, messages=(first,), max_tokens=1000)


class Alone:
    """A case without a service."""

    states: Sequence[Service] = ("up",)

    def __init__(self, model: Model, ask: Ask) -> None:
        self.model = model
        self.ask = ask

    def set_service(self, state: Service) -> None:
        """Stay up."""
        assert state == "up"

    def is_reached(self) -> bool:
        """Nobody is."""
        raise AssertionError("there is no service")


class ApiCase:
    """The adapter of the Messages API, and the fake API of the tests."""

    states: Sequence[Service] = ("up", "down", "cut", "hanging")

    def __init__(self, api: FakeMessagesAPI) -> None:
        self.api = api
        self.model: Model = AnthropicModel(api_key="k", base_url=api.url)
        self.ask = request("claude-haiku-5-5", "read", "sleep")

    def set_service(self, state: Service) -> None:
        """Queue what the next request gets."""
        turns = {
            "down": fail(529, "overloaded_error"),
            "cut": Turn(text="Hello, wörld.", cut="truncate"),
            "hanging": Turn(text="Hello, wörld.", cut="stall"),
        }
        if state in turns:
            self.api.enqueue(turns[state])

    def is_reached(self) -> bool:
        """Whether a request has got the answer that stalls."""
        return any("stall" in seen.got for seen in self.api.requests)


class TestMessagesApi(ModelConformance):
    """Our way to Claude."""

    @pytest.fixture(autouse=True)
    def _serve(self) -> Iterator[None]:
        with FakeMessagesAPI() as self.api:
            calls: Any = [("read", {"file_path": "ä.md"}), ("sleep", {"until": "in 1h"})]
            self.api.script("garden", answer("Hello, wörld.", calls), answer("Goodbye."))
            yield
        assert self.api.refusals == []

    def make_case(self, folder: Path) -> ApiCase:  # noqa: ARG002
        """Return the adapter."""
        return ApiCase(self.api)


def lines() -> ScriptBuilder:
    play = script().say("Hello, wörld.").call("read", file_path="ä.md").also("sleep", until="in 1h")
    return play.say("Goodbye.")


class TestRehearsal(ModelConformance):
    """A script that is played."""

    def make_case(self, folder: Path) -> Alone:  # noqa: ARG002
        """Return the script."""
        return Alone(lines().model(), request("claude-haiku-5-5", "read", "sleep"))


class TestParrot(ModelConformance):
    """The model of a plug-in."""

    def make_case(self, folder: Path) -> Alone:  # noqa: ARG002
        """Return the parrot."""
        return Alone(PARROT.open("parrot:grey"), request("parrot:grey", "finish"))


# -- the suite catches what it is for ----------------------------------------------------------------
class Remote:
    """A rehearsal behind a service of its own."""

    def __init__(self) -> None:
        self.inner: Model = lines().model()
        self.state: Service = "up"
        self.is_reached = False

    async def ask(self, ask: Ask, *, on_text: OnText | None = None) -> Reply:
        """Ask the service."""
        if self.state == "down":
            raise ModelFault("the service is down", kind="overloaded")
        if self.state == "hanging":
            self.is_reached = True
            await asyncio.Event().wait()
        if self.state == "cut":
            raise ModelFault("the stream ended before the message did", kind="cut")
        return await self.inner.ask(ask, on_text=on_text)

    async def close(self) -> None:
        """Close the connection."""


class RemoteCase:
    """A remote rehearsal."""

    states: Sequence[Service] = ("up", "down", "cut", "hanging")

    def __init__(self, remote: Remote, model: Model) -> None:
        self.remote = remote
        self.model = model
        self.ask = request("claude-haiku-5-5", "read", "sleep")

    def set_service(self, state: Service) -> None:
        """Set it."""
        self.remote.state = state

    def is_reached(self) -> bool:
        """Whether it has got a request while it hung."""
        return self.remote.is_reached


class Wrong(Protocol):
    """What a model does in place of what it should."""

    def __call__(self, remote: Remote, ask: Ask, on_text: OnText | None) -> Awaitable[Reply]:
        """Answer."""


class Broken:
    """A remote rehearsal with one thing wrong."""

    def __init__(self, remote: Remote, wrong: Wrong) -> None:
        self.remote = remote
        self.wrong = wrong

    async def ask(self, ask: Ask, *, on_text: OnText | None = None) -> Reply:
        """Do the wrong thing."""
        return await self.wrong(self.remote, ask, on_text)

    async def close(self) -> None:
        """Close nothing."""


async def right(remote: Remote, ask: Ask, on_text: OnText | None) -> Reply:
    return await remote.ask(ask, on_text=on_text)


async def says_more_than_it_keeps(remote: Remote, ask: Ask, on_text: OnText | None) -> Reply:
    if on_text:
        on_text("Let me think. ")
    return await remote.ask(ask, on_text=on_text)


async def has_one_id_for_all(remote: Remote, ask: Ask, on_text: OnText | None) -> Reply:
    reply = await remote.ask(ask, on_text=on_text)
    content = tuple({**block, "id": "call"} if "id" in block else block for block in reply.content)
    return replace(reply, content=content)


async def writes_into_the_request(remote: Remote, ask: Ask, on_text: OnText | None) -> Reply:
    reply = await remote.ask(ask, on_text=on_text)
    ask.messages[0]["content"].append({"type": "text", "text": "Think step by step."})
    return reply


async def gives_half_an_answer(remote: Remote, ask: Ask, on_text: OnText | None) -> Reply:
    try:
        return await remote.ask(ask, on_text=on_text)
    except ModelFault as fault:
        if fault.kind != "cut":
            raise
        return Reply(({"type": "text", "text": "Hello, w"},), "end_turn", Usage(), None, None)


async def has_errors_of_its_own(remote: Remote, ask: Ask, on_text: OnText | None) -> Reply:
    try:
        return await remote.ask(ask, on_text=on_text)
    except ModelFault as fault:
        raise ConnectionError(fault.message) from fault


async def swallows_a_cancel(remote: Remote, ask: Ask, on_text: OnText | None) -> Reply:
    try:
        return await remote.ask(ask, on_text=on_text)
    except asyncio.CancelledError:
        return Reply(({"type": "text", "text": "Sorry."},), "end_turn", Usage(), None, None)


async def never_stops_for_tools(remote: Remote, ask: Ask, on_text: OnText | None) -> Reply:
    return replace(await remote.ask(ask, on_text=on_text), stop_reason="end_turn")


async def answers_when_asked_for_a_summary(remote: Remote, ask: Ask, on_text: OnText | None) -> Reply:
    return await remote.ask(replace(ask, compact=False), on_text=on_text)


async def counts_dollars(remote: Remote, ask: Ask, on_text: OnText | None) -> Reply:
    return replace(await remote.ask(ask, on_text=on_text), cost_microusd=0.0012)  # type: ignore[arg-type]


async def invents_a_tool(remote: Remote, ask: Ask, on_text: OnText | None) -> Reply:
    reply = await remote.ask(ask, on_text=on_text)
    content = tuple({**block, "name": "rm"} if "id" in block else block for block in reply.content)
    return replace(reply, content=content)


async def keeps_objects(remote: Remote, ask: Ask, on_text: OnText | None) -> Reply:
    reply = await remote.ask(ask, on_text=on_text)
    return replace(reply, content=({"type": "text", "text": "x", "raw": reply}, *reply.content))


def test_the_suite_can_be_called(tmp_path: Path) -> None:
    remote = Remote()
    check_model(lambda _: RemoteCase(remote, Broken(remote, right)), tmp_path)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (says_more_than_it_keeps, "'Let me think. Hello, wörld.' was heard, and 'Hello, wörld.' is stored"),
        (has_one_id_for_all, "two calls have one id"),
        (writes_into_the_request, "it has changed the request"),
        (gives_half_an_answer, "cut: it gives an answer all the same"),
        (has_errors_of_its_own, "down: ConnectionError is no ModelFault"),
        (swallows_a_cancel, "it swallowed the cancellation"),
        (never_stops_for_tools, "it stopped for end_turn, with 2 calls"),
        (answers_when_asked_for_a_summary, "no summary, but an answer came"),
        (counts_dollars, "its cost is 0.0012, which is no number of millionths of a dollar"),
        (invents_a_tool, "it calls 'rm'; there are"),
        (keeps_objects, "a block is not the same after it was stored"),
    ],
)
def test_a_model_that_is_wrong_is_caught(tmp_path: Path, wrong: Wrong, complaint: str) -> None:
    def make_case(_: Path) -> RemoteCase:
        remote = Remote()
        return RemoteCase(remote, Broken(remote, wrong))

    with pytest.raises(AssertionError, match=complaint):
        check_model(make_case, tmp_path)
