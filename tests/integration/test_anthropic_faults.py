"""Claude through a loopback API: every way in which an answer can be missing, and what it is taken for."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from scheduler.adapters.anthropic.model import AnthropicModel
from scheduler.errors import CannotWorkError, FaultKind, ModelFault
from scheduler.ports.model import Ask, Reply
from tests.fake_messages_api import FakeMessagesAPI, Turn, answer, fail, verify_pairing

KEY = "sk-ant-secret-0123456789"
FIRST = {"role": "user", "content": [{"type": "text", "text": "Go."}]}
CALL: Any = [("write", {"file_path": "a", "content": "x" * 50})]


@pytest.fixture
def api() -> Iterator[FakeMessagesAPI]:
    with FakeMessagesAPI(key=KEY) as server:
        yield server


@pytest.fixture
async def model(api: FakeMessagesAPI) -> AsyncIterator[AnthropicModel]:
    made = AnthropicModel(api_key=KEY, base_url=api.url, idle_seconds=10)
    yield made
    await made.close()


async def ask(asked: AnthropicModel, /, *messages: Any, **more: Any) -> Reply:
    given: dict[str, Any] = {"model": "claude-haiku-5-5", "system": "S", "tools": (), "max_tokens": 100}
    return await asked.ask(Ask(**(given | more), messages=messages or (FIRST,)))


async def test_what_a_summary_took_is_counted_and_priced(api: FakeMessagesAPI, model: AnthropicModel) -> None:
    api.enqueue(Turn(summary="Much was said." * 10, usage={"input_tokens": 1_000_000}))
    reply = await ask(model, compact=True)
    assert reply.usage.sent_tokens == 1_000_000
    assert reply.usage.output_tokens > 20
    assert reply.cost_microusd is not None
    assert reply.cost_microusd > 100_000


@pytest.mark.parametrize("stop", ["max_tokens", "tool_use", "refusal", "end_turn"])
async def test_a_summary_may_come_to_nothing(api: FakeMessagesAPI, model: AnthropicModel, stop: str) -> None:
    api.enqueue(Turn(summary="", stop_reason=stop))
    reply = await ask(model, compact=True)
    assert (reply.content, reply.stop_reason) == ((), stop)
    assert reply.usage.sent_tokens > 0, "it is billed all the same"


async def test_only_what_needs_the_beta_asks_for_it(api: FakeMessagesAPI, model: AnthropicModel) -> None:
    await ask(model)
    block = (await ask(model, compact=True)).content[0]
    await ask(model, {"role": "assistant", "content": [block]}, FIRST)
    assert api.refusals == []
    assert ["compaction" in seen.body for seen in api.requests] == [False, True, False]
    # Apart from that a compaction is the request before it: it reads from the cache what that has put there.
    plain, asked, _ = (dict(seen.body) for seen in api.requests)
    assert asked.pop("compaction") == {"type": "summarize"}
    assert asked == plain


async def fault(model: AnthropicModel, *messages: Any) -> ModelFault:
    with pytest.raises(ModelFault) as caught:
        await ask(model, *messages)
    assert KEY not in caught.value.message
    return caught.value


STATUSES: list[tuple[Turn, FaultKind]] = [
    (fail(400, "invalid_request_error"), "invalid"),
    (fail(400, "invalid_request_error", message="Your credit balance is too low to use the API"), "billing"),
    (fail(401, "authentication_error"), "auth"),
    (fail(402, "billing_error"), "billing"),
    (fail(403, "permission_error"), "auth"),
    (fail(404, "not_found_error"), "invalid"),
    (fail(413, "request_too_large"), "too_long"),
    (fail(413, "something_new"), "too_long"),
    (fail(400, "invalid_request_error", message="prompt is too long: 210000 tokens > 200000"), "too_long"),
    (fail(422, "something_new"), "invalid"),
    (fail(429, "rate_limit_error"), "rate_limited"),
    (fail(500, "api_error"), "overloaded"),
    (fail(503, "something_new"), "overloaded"),
    (fail(529, "overloaded_error"), "overloaded"),
    (fail(400, "overloaded_error"), "overloaded"),  # the type decides before the status
]


@pytest.mark.parametrize(("turn", "kind"), STATUSES, ids=lambda v: getattr(v, "name", v))
async def test_an_error_status_is_told_apart_and_sent_once(
    api: FakeMessagesAPI, model: AnthropicModel, turn: Turn, kind: FaultKind
) -> None:
    api.enqueue(turn)
    found = await fault(model)
    assert found.kind == kind
    assert found.request_id == "req_1"
    assert str(turn.fail) in found.message
    assert len(api.requests) == 1  # the SDK must not retry: every retry is billed


@pytest.mark.parametrize(
    ("header", "more", "seconds"),
    [
        (3600, {}, 3600.0),
        ("0.5", {}, 0.5),
        (None, {"retry-after-ms": "1500"}, 1.5),
        ("Fri, 20 Nov 2026 13:00:00 GMT", {"date": "Fri, 20 Nov 2026 12:00:00 GMT"}, 3600.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", {"date": "Fri, 20 Nov 2026 12:00:00 GMT"}, 0.0),
        ("soon", {}, None),
        ("inf", {}, None),
        (None, {}, None),
    ],
)
async def test_retry_after_is_handed_on_and_not_slept_through(
    api: FakeMessagesAPI, model: AnthropicModel, header: Any, more: dict[str, str], seconds: float | None
) -> None:
    api.enqueue(fail(429, "rate_limit_error", retry_after=header, headers=more))
    assert (await fault(model)).retry_after_seconds == seconds


@pytest.mark.parametrize("cut", ["disconnect", "truncate"])
@pytest.mark.parametrize("cut_at", [0, 1, 3, 5, "tool_use"])
async def test_a_stream_that_is_cut_anywhere_is_no_answer(
    api: FakeMessagesAPI, model: AnthropicModel, cut: Any, cut_at: Any
) -> None:
    api.enqueue(answer("Writing.", CALL, cut=cut, cut_at=cut_at))
    found = await fault(model)
    assert found.kind == "cut"
    assert found.request_id == "req_1"


@pytest.mark.parametrize("unnamed", [False, True])
@pytest.mark.parametrize(
    ("error", "kind"),
    [("overloaded_error", "overloaded"), ("rate_limit_error", "rate_limited"), ("something_new", "cut")],
)
async def test_an_error_inside_the_stream_counts_by_its_type(
    api: FakeMessagesAPI, model: AnthropicModel, error: str, kind: FaultKind, unnamed: bool
) -> None:
    api.enqueue(answer("Hello", sse_error=error, unnamed_events=unnamed))
    found = await fault(model)
    assert found.kind == kind
    assert found.request_id == "req_1"


async def test_silence_is_a_cut_and_a_slow_drip_is_not(api: FakeMessagesAPI) -> None:
    model = AnthropicModel(api_key=KEY, base_url=api.url, idle_seconds=0.5)
    await ask(model)  # imports the SDK, which must not count as silence
    api.enqueue(answer("a", cut="stall"), answer("a", delay_seconds=60), answer("slow", drip_seconds=0.2))
    for _ in range(2):
        began = time.monotonic()
        found = await fault(model)
        assert found.kind == "cut"
        assert "silent" in found.message
        assert time.monotonic() - began < 5
    assert (await ask(model)).content == ({"type": "text", "text": "slow"},)
    await model.close()


@pytest.mark.parametrize(
    ("body", "kind_of_content", "kind"),
    [
        ("{}", "application/json", "unknown"),
        ("<html>log in</html>", "text/html", "unknown"),
        ("", "text/event-stream", "cut"),
        ("event: message_start\ndata: {nonsense\n\n", "text/event-stream", "cut"),
        ("event: x\ndata: {}\n\n", "text/event-stream", "unknown"),
        ("event: x\ndata: 7\n\n", "text/event-stream", "unknown"),
        ('event: message_stop\ndata: {"type": "message_stop"}\n\n', "text/event-stream", "cut"),
    ],
)
async def test_nonsense_with_status_200_is_no_answer(
    api: FakeMessagesAPI, model: AnthropicModel, body: str, kind_of_content: str, kind: FaultKind
) -> None:
    api.enqueue(Turn(garbage=body, content_type=kind_of_content))
    assert (await fault(model)).kind == kind


@pytest.mark.parametrize(
    "reason",
    ["end_turn", "max_tokens", "stop_sequence", "pause_turn", "refusal", "model_context_window_exceeded"],
)
async def test_every_known_stop_reason_is_an_answer(
    api: FakeMessagesAPI, model: AnthropicModel, reason: str
) -> None:
    api.enqueue(answer("Hm.", stop_reason=reason))
    assert (await ask(model)).stop_reason == reason


async def test_an_unknown_stop_reason_is_a_fault(api: FakeMessagesAPI, model: AnthropicModel) -> None:
    api.enqueue(answer("Hm.", stop_reason="bored"))
    found = await fault(model)
    assert found.kind == "unknown"
    assert "bored" in found.message


async def test_max_tokens_in_the_middle_of_a_call_leaves_an_empty_input(
    api: FakeMessagesAPI, model: AnthropicModel
) -> None:
    api.enqueue(answer("", CALL, stop_reason="max_tokens"))
    reply = await ask(model)
    assert reply.stop_reason == "max_tokens"
    assert reply.content[0]["input"] == {}


async def test_blocks_come_back_exactly_as_they_were_sent(
    api: FakeMessagesAPI, model: AnthropicModel
) -> None:
    server_blocks = (
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "ö"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srvtoolu_1",
            "content": [{"type": "web_search_result", "url": "https://e.x", "page_age": None, "n": 1.0}],
        },
        {"type": "of_the_future", "payload": {"deep": [1, 2.50, None, "\u2028"]}},
    )
    signature = "EqQBCkYIBxgCKkDx/+=ü"
    thinking = (("I should\nlook.", signature), ("", "redacted-ish"))
    api.script("Go.", answer("Look: ", CALL, thinking=thinking, blocks=server_blocks), answer("Done."))
    reply = await ask(model)
    assert reply.content[0] == {"type": "thinking", "thinking": "I should\nlook.", "signature": signature}
    assert reply.content[1] == {"type": "thinking", "thinking": "", "signature": "redacted-ish"}
    assert reply.content[2] == {"type": "text", "text": "Look: "}
    assert reply.content[3:6] == server_blocks
    stored = json.loads(json.dumps(reply.content))  # as the database does it
    result = {"type": "tool_result", "tool_use_id": stored[6]["id"], "content": "ok"}
    back = [FIRST, {"role": "assistant", "content": stored}, {"role": "user", "content": [result]}]
    assert (await ask(model, *back)).stop_reason == "end_turn"
    assert api.refusals == []
    assert api.requests[1].messages == back
    verify_pairing(api.requests)


async def test_an_answer_without_words_can_still_be_sent_back(
    api: FakeMessagesAPI, model: AnthropicModel
) -> None:
    api.script("Go.", answer(" \n"), answer("Done."))
    reply = await ask(model)
    await ask(model, FIRST, {"role": "assistant", "content": list(reply.content)}, FIRST)
    assert api.refusals == []


async def test_history_is_sent_untouched_and_everything_is_cached(
    api: FakeMessagesAPI, model: AnthropicModel
) -> None:
    tools = [{"name": "read", "description": "d", "input_schema": {"type": "object"}}]
    await ask(model, FIRST, tools=tools, system="Be brief.")
    body = api.requests[0].body
    assert body["messages"] == [FIRST]
    assert body["tools"] == tools
    assert body["cache_control"] == {"type": "ephemeral"}
    assert body["system"] == [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    await ask(model, FIRST, system="")
    assert "system" not in api.requests[1].body
    assert "tools" not in api.requests[1].body


async def test_usage_and_price_come_from_the_stream(api: FakeMessagesAPI, model: AnthropicModel) -> None:
    usage = {"input_tokens": 1000, "output_tokens": 1000, "cache_read_input_tokens": 1000}
    api.enqueue(answer("Hm.", usage=usage | {"cache_creation_input_tokens": 1000}))
    reply = await ask(model, model="claude-sonnet-5-5")
    used = reply.usage
    assert (used.input_tokens, used.output_tokens) == (1000, 1000)
    assert (used.cache_read_tokens, used.cache_write_tokens) == (1000, 1000)
    assert reply.cost_microusd == 2_000 + 10_000 + 100 + 2_500
    assert (await ask(model, model="claude-of-the-future")).cost_microusd is None


async def test_what_json_cannot_carry_is_our_fault_and_never_sent(
    api: FakeMessagesAPI, model: AnthropicModel
) -> None:
    for value in ("\ud800", float("nan"), object()):
        content = [{"type": "text", "text": "a", "x": value}]
        assert (await fault(model, {"role": "user", "content": content})).kind == "invalid"
    assert api.requests == []


async def test_nobody_at_the_other_end_is_a_cut() -> None:
    with FakeMessagesAPI() as gone:
        url = gone.url
    model = AnthropicModel(api_key=KEY, base_url=url)
    found = await fault(model)
    assert found.kind == "cut"
    assert found.request_id is None
    await model.close()


async def test_cancelling_is_prompt_and_leaves_the_model_usable(
    api: FakeMessagesAPI, model: AnthropicModel
) -> None:
    await ask(model)
    api.enqueue(answer("a", cut="stall"))
    asking = asyncio.create_task(ask(model))
    while len(api.requests) < 2:  # noqa: ASYNC110  (another thread appends)
        await asyncio.sleep(0.01)
    asking.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - began < 1
    assert (await ask(model)).stop_reason == "end_turn"


async def test_many_at_once(api: FakeMessagesAPI, model: AnthropicModel) -> None:
    replies = await asyncio.gather(*(ask(model) for _ in range(20)))
    assert len({reply.request_id for reply in replies}) == 20


def test_without_a_key_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (None, "", " \n"):
        monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
        if key is not None:
            monkeypatch.setenv("ANTHROPIC_API_KEY", key)
        with pytest.raises(CannotWorkError, match="ANTHROPIC_API_KEY is not set") as caught:
            AnthropicModel()
        assert caught.value.help == "export ANTHROPIC_API_KEY=..., or try without a key: agentcron demo"
    with pytest.raises(CannotWorkError, match="characters that no key has") as caught:
        AnthropicModel(api_key="sk-ant-\u200bsecret")
    assert "secret" not in str(caught.value)


async def test_key_and_address_come_from_the_environment(
    api: FakeMessagesAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", f"{KEY}\n")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url)
    model = AnthropicModel()
    assert (await ask(model)).stop_reason == "end_turn"
    await model.close()


async def test_a_server_that_repeats_the_key_does_not_get_it_into_our_messages(
    api: FakeMessagesAPI, model: AnthropicModel
) -> None:
    api.enqueue(fail(401, "authentication_error", message=f"bad key {KEY}\x1b[2J"))
    found = await fault(model)
    assert "bad key [key]\\x1b[2J" in found.message
