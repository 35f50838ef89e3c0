"""What the Messages API refuses, and what a log of requests must show about us."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol


class Refusal(Exception):
    """The real API would answer with a 400."""


class HasBody(Protocol):
    """A logged request."""

    @property
    def body(self) -> Mapping[str, Any]:
        """What was sent."""
        ...


def check_request(body: Mapping[str, Any], signatures: Mapping[str, str]) -> None:
    """Refuse what the API refuses.

    Raises:
        Refusal: with the reason.
    """
    for name in ("model", "max_tokens", "messages"):
        if not body.get(name):
            raise Refusal(f"{name}: Field required")
    if body.get("stream") is not True:
        raise Refusal("stream: the client under test must stream")
    markers = json.dumps({k: v for k, v in body.items() if k != "cache_control"}).count('"cache_control"')
    if markers + bool(body.get("cache_control")) > 4:
        raise Refusal("A maximum of 4 blocks with cache_control may be provided")
    messages = body["messages"]
    if messages[0]["role"] != "user":
        raise Refusal("messages: first message must use the user role")
    for index, message in enumerate(messages):
        _check_content(message, index, signatures)
    if problem := pairing_problem(messages):
        raise Refusal(problem)


def _check_content(message: Mapping[str, Any], index: int, signatures: Mapping[str, str]) -> None:
    content = message["content"]
    if not content:
        raise Refusal(f"messages.{index}: all messages must have non-empty content")
    for block in content if isinstance(content, list) else ():
        if None in block.values():
            raise Refusal(f"messages.{index}: a field of a {block.get('type')} block is null")
        if block["type"] == "text" and not block["text"].strip():
            raise Refusal(f"messages.{index}: text content blocks must contain non-whitespace text")
        known = signatures.get(block.get("signature", ""))
        if block["type"] == "thinking" and known != block["thinking"]:
            raise Refusal(f"messages.{index}: Invalid `signature` in `thinking` block")


def pairing_problem(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what is wrong with the tool calls of a conversation, or an empty text."""
    seen: set[str] = set()
    open_ids: list[str] = []
    for index, message in enumerate(messages):
        answered = _ids(message, "tool_result", "tool_use_id")
        if sorted(answered) != sorted(open_ids):
            return f"messages.{index}: calls {open_ids} are answered by {answered} in the very next message"
        open_ids = _ids(message, "tool_use", "id")
        for call in open_ids:
            if call in seen:
                return f"messages.{index}: `tool_use` ids must be unique: {call}"
            seen.add(call)
    return f"the last message leaves calls open: {open_ids}" if open_ids else ""


def _ids(message: Mapping[str, Any], kind: str, name: str) -> list[str]:
    content = message["content"]
    return [b[name] for b in content if b.get("type") == kind] if isinstance(content, list) else []


def verify_pairing(requests: Iterable[HasBody]) -> dict[str, list[HasBody]]:
    """Assert on a request log what must hold for every conversation in it; return the conversations.

    Each tool_use is answered exactly once, in the very next message.  Each request repeats the one before it,
    byte for byte, with nothing but new messages at its end.  Model, system prompt and tools stay the same.
    A conversation is what begins with the same first message.
    """
    conversations: dict[str, list[HasBody]] = {}
    for request in requests:
        conversations.setdefault(_bytes(request.body["messages"][0]), []).append(request)
    for said in conversations.values():
        for request in said:
            problem = pairing_problem(request.body["messages"])
            assert not problem, problem
        for before, after in pairwise(said):
            _assert_continues(before.body, after.body)
    return conversations


def _assert_continues(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    for name in ("model", "system", "tools"):
        assert _bytes(before.get(name)) == _bytes(after.get(name)), f"{name} changed within a conversation"
    old, new = before["messages"], after["messages"]
    assert len(new) >= len(old), f"the conversation shrank from {len(old)} to {len(new)} messages"
    for index, (was, now) in enumerate(zip(old, new, strict=False)):
        assert _bytes(was) == _bytes(now), f"message {index} changed: {_bytes(was)} became {_bytes(now)}"


def _bytes(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
