"""What every model adapter promises to the engine: one suite, run on each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from scheduler.adapters.anthropic.model import AnthropicModel
from scheduler.ports.model import Ask, Model, Reply
from scheduler.testing.rehearsal import script
from tests.fake_messages_api import FakeMessagesAPI, answer, verify_pairing

FIRST = {"role": "user", "content": [{"type": "text", "text": "Look after the garden."}]}


@dataclass
class Stage:
    """A model that will say hello, call two tools, and say goodbye."""

    model: Model
    name: str


@pytest.fixture
def api() -> Iterator[FakeMessagesAPI]:
    with FakeMessagesAPI() as server:
        yield server
    assert server.refusals == []


@pytest.fixture(params=["anthropic", "rehearsal"])
async def stage(request: pytest.FixtureRequest, api: FakeMessagesAPI) -> AsyncIterator[Stage]:
    model: Model
    if request.param == "anthropic":
        calls: Any = [("read", {"file_path": "ä.md"}), ("sleep", {"until": "in 1h"})]
        api.script("garden", answer("Hello, wörld.", calls), answer("Goodbye."))
        model = AnthropicModel(api_key="k", base_url=api.url)
    else:
        play = script().say("Hello, wörld.").call("read", file_path="ä.md").also("sleep", until="in 1h")
        model = play.say("Goodbye.").model()
    yield Stage(model, "claude-haiku-5-5")
    await model.close()


def ask(stage: Stage, *messages: dict[str, Any]) -> Ask:
    tools = ({"name": "read", "description": "Read.", "input_schema": {"type": "object"}},)
    return Ask(
        model=stage.name, system="Be brief.", tools=tools, messages=(FIRST, *messages), max_tokens=1000
    )


def answered(reply: Reply) -> list[dict[str, Any]]:
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "fine"}
        for block in reply.content
        if block["type"] == "tool_use"
    ]
    return [{"role": "assistant", "content": list(reply.content)}, {"role": "user", "content": results}]


async def test_an_answer_comes_whole_with_its_calls_and_their_inputs(stage: Stage) -> None:
    reply = await stage.model.ask(ask(stage))
    assert reply.stop_reason == "tool_use"
    assert [block["type"] for block in reply.content] == ["text", "tool_use", "tool_use"]
    assert reply.content[0]["text"] == "Hello, wörld."
    assert [block["input"] for block in reply.content[1:]] == [{"file_path": "ä.md"}, {"until": "in 1h"}]
    assert len({block["id"] for block in reply.content[1:]}) == 2
    assert reply.request_id
    assert isinstance(reply.cost_microusd, int)


async def test_an_answer_can_be_sent_back_as_it_is(stage: Stage, api: FakeMessagesAPI) -> None:
    first = await stage.model.ask(ask(stage))
    second = await stage.model.ask(ask(stage, *answered(first)))
    assert second.stop_reason == "end_turn"
    assert second.content == ({"type": "text", "text": "Goodbye."},)
    verify_pairing(api.requests)


async def test_a_conversation_is_summed_up_and_gone_on_with(stage: Stage, api: FakeMessagesAPI) -> None:
    first = await stage.model.ask(ask(stage))
    summary = await stage.model.ask(replace(ask(stage), compact=True))
    assert summary.stop_reason == "compaction"
    (block,) = summary.content
    assert (block["type"], bool(block["content"])) == ("compaction", True)
    head = {"role": "assistant", "content": [block]}
    behind = ask(stage, *answered(first))
    second = await stage.model.ask(replace(behind, messages=(head, *behind.messages[1:])))
    assert second.content == ({"type": "text", "text": "Goodbye."},), "the summary stands for what it covers"
    verify_pairing(api.requests)


async def test_text_is_heard_while_it_comes(stage: Stage) -> None:
    heard: list[str] = []
    await stage.model.ask(ask(stage), on_text=heard.append)
    assert "".join(heard) == "Hello, wörld."


async def test_a_request_may_be_repeated_after_a_crash(stage: Stage) -> None:
    replies = [await stage.model.ask(ask(stage)) for _ in range(2)]
    assert replies[0].content[0] == replies[1].content[0]


async def test_closing_twice_is_harmless(stage: Stage) -> None:
    await stage.model.close()
    await stage.model.close()
