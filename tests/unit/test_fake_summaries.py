"""The fake API is strict about summaries too: what it issues, what it takes back, what a log must show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fake_messages_api import FakeMessagesAPI, Turn, answer, fail, verify_pairing
from tests.messages_api_summaries import BETA
from tests.unit.test_fake_messages_api import USER, post, results, said

SUMMARIZE: dict[str, Any] = {"compaction": {"type": "summarize"}}
TALK = [USER, said("a"), results("a")]


@pytest.fixture
def api() -> Iterator[FakeMessagesAPI]:
    with FakeMessagesAPI() as server:
        yield server


def summed_up(api: FakeMessagesAPI, messages: list[Any]) -> dict[str, Any]:
    """Have a conversation summed up; return the message that stands for it."""
    status, _ = post(api.url, messages, beta=BETA, **SUMMARIZE)
    assert status == 200
    issued = api.requests[-1].issued
    assert issued is not None
    return {"role": "assistant", "content": [dict(issued)]}


def refusal(answered: tuple[int, str]) -> str:
    status, text = answered
    assert status == 400, text
    return str(json.loads(text)["error"]["message"])


def test_a_compaction_gives_one_block_and_counts_apart(api: FakeMessagesAPI) -> None:
    _, text = post(api.url, TALK, beta=BETA, **SUMMARIZE)
    events = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line[:5] == "data:"]
    (block,) = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    assert block["type"] == "compaction"
    assert not [event for event in events if event["type"] == "content_block_delta"]
    (end,) = [event for event in events if event["type"] == "message_delta"]
    assert end["delta"]["stop_reason"] == "compaction"
    assert end["usage"]["input_tokens"] == 0
    assert end["usage"]["iterations"][0]["type"] == "compaction"


def test_a_script_continues_behind_a_summary(api: FakeMessagesAPI) -> None:
    api.script("brief", answer("one"), answer("two"), answer("three"))
    head = summed_up(api, [USER, said(), USER])
    assert "tw" in post(api.url, [head, USER], beta=BETA)[1]
    again = summed_up(api, [head, said(), USER])
    assert "thr" in post(api.url, [again, USER], beta=BETA)[1]


def test_a_queue_serves_compactions_with_what_is_meant_for_them(api: FakeMessagesAPI) -> None:
    api.enqueue(answer("for a question"))
    assert api.requests == []
    summed_up(api, TALK)
    assert "for a question"[:7] in post(api.url, TALK)[1]
    api.enqueue(
        Turn(summary="mine"), fail(529, "overloaded_error"), Turn(summary="", stop_reason="max_tokens")
    )
    assert summed_up(api, TALK)["content"][0]["content"] == "mine"
    assert post(api.url, TALK, beta=BETA, **SUMMARIZE)[0] == 529
    status, text = post(api.url, TALK, beta=BETA, **SUMMARIZE)
    assert (status, "content_block" in text, "max_tokens" in text) == (200, False, True)


def test_the_beta_header_stands_wherever_a_summary_does(api: FakeMessagesAPI) -> None:
    assert "requires anthropic-beta" in refusal(post(api.url, TALK, **SUMMARIZE))
    head = summed_up(api, TALK)
    assert "does not match any of the expected tags" in refusal(post(api.url, [head, USER]))
    assert post(api.url, [head, USER], beta=f"{BETA},something-else")[0] == 200
    assert "requires anthropic-beta" in refusal(post(api.url, TALK, beta="something-else", **SUMMARIZE))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"compaction": {"type": "shorten"}}, "unknown parameters"),
        ({"context_management": {"edits": []} | {"a": 1}}, "cannot be combined"),
        ({"stop_sequences": ["x"]}, "cannot be combined"),
        ({"tool_choice": {"type": "any"}}, "cannot be combined"),
    ],
)
def test_what_a_compaction_must_not_hold(api: FakeMessagesAPI, more: dict[str, Any], reason: str) -> None:
    assert reason in refusal(post(api.url, TALK, beta=BETA, **(SUMMARIZE | more)))


def test_an_open_call_cannot_be_summed_up(api: FakeMessagesAPI) -> None:
    assert "leaves calls open" in refusal(post(api.url, [USER, said("a")], beta=BETA, **SUMMARIZE))


def test_a_block_comes_first_alone_and_unaltered(api: FakeMessagesAPI) -> None:
    head = summed_up(api, TALK)
    block = head["content"][0]

    def sent(*messages: Any) -> str:
        return refusal(post(api.url, list(messages), beta=BETA))

    assert "misplaced" in sent(USER, head, USER)
    assert "ambiguous" in sent(head, USER, head, USER)
    for name, value in (("content", "else"), ("citations", None), ("signature", "forged")):
        forged = {"role": "assistant", "content": [block | {name: value}]}
        assert ("signature_invalid" if name == "signature" else "mismatch") in sent(forged, USER)
    assert post(api.url, [head, said("b"), results("b")], beta=BETA)[0] == 200


def test_a_log_shows_that_nothing_was_lost_or_told_twice(api: FakeMessagesAPI) -> None:
    more = [*TALK, said("b"), results("b")]
    post(api.url, TALK)
    post(api.url, more)
    head = summed_up(api, TALK)
    post(api.url, [head, *more[3:]], beta=BETA)
    post(api.url, [head, *more[3:], said(), USER], beta=BETA)
    fine = list(api.requests)
    assert len(verify_pairing(fine)) == 1
    for messages, problem in (
        ([head, *more[1:]], "changed"),  # summed up, and told again
        ([head, USER], "changed"),  # left out
        ([head], "shrank"),
    ):
        post(api.url, messages, beta=BETA)
        with pytest.raises(AssertionError, match=problem):
            verify_pairing([*fine, api.requests[-1]])
    summed_up(api, [head, *more[3:], said(), USER, said("c"), results("c")])
    with pytest.raises(AssertionError, match="no request has sent before"):
        verify_pairing([*fine, api.requests[-1]])
