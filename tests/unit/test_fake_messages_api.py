"""The fake API is as strict as the real one; otherwise what it lets pass would prove nothing."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fake_messages_api import FakeMessagesAPI, answer, api_process, fail, verify_pairing
from tests.messages_api_rules import pairing_problem

FORGED = {"type": "thinking", "thinking": "a", "signature": "never issued"}
USER = {"role": "user", "content": [{"type": "text", "text": "go brief"}]}


def post(url: str, messages: list[Any], key: str = "k", beta: str = "", **more: Any) -> tuple[int, str]:
    body = {"model": "m", "max_tokens": 9, "stream": True, "messages": messages} | more
    headers = {"x-api-key": key} | ({"anthropic-beta": beta} if beta else {})
    request = urllib.request.Request(f"{url}/v1/messages", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def said(*calls: str) -> dict[str, Any]:
    blocks = [{"type": "tool_use", "id": call, "name": "n", "input": {}} for call in calls]
    return {"role": "assistant", "content": blocks or [{"type": "text", "text": "hi"}]}


def results(*calls: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call} for call in calls]}


@dataclass
class Logged:
    """A request of a log."""

    body: dict[str, Any]


def test_scripts_are_chosen_by_marker_and_continue_with_the_conversation() -> None:
    with FakeMessagesAPI() as api:
        api.script("brief", fail(529, "overloaded_error", times=2), answer("one"), answer("two"))
        api.script("", answer("for the others"))
        assert [post(api.url, [USER])[0] for _ in range(3)] == [529, 529, 200]
        assert "tw" in post(api.url, [USER, said(), USER])[1]
        assert "The script" in post(api.url, [USER, said(), USER, said(), USER])[1]
        other = {"role": "user", "content": "something else"}
        assert "for th" in post(api.url, [other])[1]
        api.enqueue(fail(402, "billing_error"))
        assert [post(api.url, [USER])[0] for _ in range(2)] == [402, 200]
        assert [seen.got for seen in api.requests[:3]] == ["fail 529", "fail 529", "answer end_turn"]
        assert api.requests[0].marker == "brief"


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([USER, said("a"), USER], "answered by []"),
        ([USER, said("a", "b"), results("a")], "answered by"),
        ([USER, said("a"), results("a", "a")], "answered by"),
        ([USER, results("a")], "answered by"),
        ([USER, said("a"), results("a"), said("a"), results("a")], "must be unique"),
        ([USER, said("a")], "leaves calls open"),
        ([said(), USER], "first message must use the user role"),
        ([USER, {"role": "assistant", "content": []}, USER], "non-empty content"),
        ([USER, {"role": "assistant", "content": [{"type": "text", "text": " "}]}, USER], "non-whitespace"),
        ([{"role": "user", "content": [{"type": "text", "text": "a", "citations": None}]}], "is null"),
        ([USER, {"role": "assistant", "content": [FORGED]}], "Invalid `signature`"),
    ],
)
def test_what_the_api_refuses_is_refused(messages: list[Any], reason: str) -> None:
    with FakeMessagesAPI() as api:
        status, text = post(api.url, messages)
        assert status == 400
        assert reason in json.loads(text)["error"]["message"]
        assert api.refusals


def test_a_wrong_key_an_unknown_path_and_a_request_that_does_not_stream() -> None:
    with FakeMessagesAPI(key="right") as api:
        assert post(api.url, [USER])[0] == 401
        assert post(api.url + "/v2", [USER], key="right")[0] == 404
        assert post(api.url, [USER], key="right", stream=False)[0] == 400
        assert post(api.url, [USER], key="right")[0] == 200


def test_the_pairing_of_a_log_is_verified() -> None:
    fine = [[USER], [USER], [USER, said("a"), results("a")]]
    log = [Logged({"model": "m", "messages": messages}) for messages in fine]
    assert len(verify_pairing(log)) == 1
    for bad, problem in (
        ([[USER, said("a"), USER]], "answered by"),
        ([[USER, said(), USER], [USER]], "shrank"),
        ([[USER, said("a"), results("a")], [USER, said("b"), results("b")]], "changed"),
    ):
        with pytest.raises(AssertionError, match=problem):
            verify_pairing(Logged({"model": "m", "messages": messages}) for messages in bad)
    with pytest.raises(AssertionError, match="system changed"):
        verify_pairing(Logged({"model": "m", "messages": [USER], "system": s}) for s in "ab")
    assert pairing_problem([USER, said("a", "b"), results("b", "a")]) == ""


@pytest.mark.process
def test_it_runs_as_a_process_of_its_own_too(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"marker": "brief", "fail": 429, "error_type": "rate_limit_error", "retry_after": 5},
        {"marker": "brief", "text": "Hi.", "calls": [{"name": "sleep", "input": {"until": "in 1h"}}]},
    ]
    with api_process(tmp_path, lines) as api:
        assert [post(api.url, [USER])[0] for _ in range(2)] == [429, 200]
        assert [seen.got for seen in api.requests] == ["fail 429", "answer tool_use"]
        assert verify_pairing(api.requests)
    with pytest.raises(urllib.error.URLError):
        post(api.url, [USER])
