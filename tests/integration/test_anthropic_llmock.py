"""Claude against llmock, a server that strangers wrote: their idea of the API and of its faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from llmock.scenarios import Delay, Fail, Reply, StreamFault, ToolCall, ToolFault
from llmock.testing import LLMockServer

from scheduler.adapters.anthropic.model import AnthropicModel
from scheduler.errors import FaultKind, ModelFault
from scheduler.ports import model as port

TOOLS = ({"name": "read", "description": "Read.", "input_schema": {"type": "object"}},)


@pytest.fixture(scope="module")
def server() -> Iterator[LLMockServer]:
    with LLMockServer() as running:
        yield running


@pytest.fixture
async def model(server: LLMockServer) -> AsyncIterator[AnthropicModel]:
    server.state.reset()
    made = AnthropicModel(api_key="k", base_url=server.base_url("anthropic"), idle_seconds=10)
    yield made
    await made.close()


async def ask(model: AnthropicModel, *, tools: Any = ()) -> port.Reply:
    user = {"role": "user", "content": [{"type": "text", "text": "Go."}]}
    given = port.Ask(model="claude-haiku-5-5", system="S", tools=tools, messages=(user,), max_tokens=100)
    return await model.ask(given)


def sent(server: LLMockServer) -> int:
    return len(server.state.journal.records(wait=1.0))


async def test_text(server: LLMockServer, model: AnthropicModel) -> None:
    server.state.scenarios.add(Reply(text="All quiet."))
    reply = await ask(model)
    assert reply.content == ({"type": "text", "text": "All quiet."},)
    assert reply.stop_reason == "end_turn"


async def test_a_tool_call(server: LLMockServer, model: AnthropicModel) -> None:
    server.state.scenarios.add(Reply(tool_calls=(ToolCall("read", {"file_path": "a"}),)))
    reply = await ask(model, tools=TOOLS)
    assert reply.stop_reason == "tool_use"
    (call,) = (block for block in reply.content if block["type"] == "tool_use")
    assert (call["name"], call["input"]) == ("read", {"file_path": "a"})


FAULTS: list[tuple[Any, FaultKind]] = [
    (Fail(400), "invalid"),
    (Fail(401), "auth"),
    (Fail(403), "auth"),
    (Fail(429, retry_after=3600), "rate_limited"),
    (Fail(500), "overloaded"),
    (Fail(529), "overloaded"),
    (StreamFault("disconnect", after_chunks=3), "cut"),
    (StreamFault("truncate", after_chunks=3), "cut"),
    (StreamFault("malformed", after_chunks=3), "cut"),
]


@pytest.mark.parametrize(("behaviour", "kind"), FAULTS, ids=lambda v: str(v)[:40])
async def test_faults_are_told_apart_and_no_request_is_sent_twice(
    server: LLMockServer, model: AnthropicModel, behaviour: Any, kind: FaultKind
) -> None:
    server.state.scenarios.add(behaviour)
    with pytest.raises(ModelFault) as caught:
        await ask(model)
    assert caught.value.kind == kind
    if isinstance(behaviour, Fail) and behaviour.retry_after:
        assert caught.value.retry_after_seconds == behaviour.retry_after
    assert sent(server) == 1


async def test_a_stall_is_a_cut(server: LLMockServer, model: AnthropicModel) -> None:
    await ask(model)  # the import of the SDK must not count as silence
    hasty = AnthropicModel(api_key="k", base_url=server.base_url("anthropic"), idle_seconds=0.5)
    for behaviour in (StreamFault("stall", after_chunks=2, stall_seconds=2), Delay(2)):
        server.state.scenarios.add(behaviour)
        with pytest.raises(ModelFault) as caught:
            await ask(hasty)
        assert caught.value.kind == "cut"
    await hasty.close()


async def test_a_call_whose_arguments_are_not_json_is_no_answer(
    server: LLMockServer, model: AnthropicModel
) -> None:
    server.state.scenarios.add(
        Reply(tool_calls=(ToolCall("read", {"file_path": "a"}),)), ToolFault("malformed_arguments")
    )
    with pytest.raises(ModelFault) as caught:
        await ask(model, tools=TOOLS)
    assert caught.value.kind == "cut"


async def test_after_a_fault_the_next_request_is_answered(
    server: LLMockServer, model: AnthropicModel
) -> None:
    server.state.scenarios.add(Fail(529), Reply(text="Back again."))
    with pytest.raises(ModelFault):
        await ask(model)
    assert (await ask(model)).content == ({"type": "text", "text": "Back again."},)
