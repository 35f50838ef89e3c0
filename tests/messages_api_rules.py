"""What the Messages API refuses, and what a log of requests must show about us."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
    if messages[0]["role"] != "user" and not summary_of(messages):
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
        if None in block.values() and block["type"] != "compaction":
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


def summary_of(messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the compaction block that a conversation begins with."""
    content = messages[0]["content"] if messages else ()
    first = content[0] if isinstance(content, list) and content else {}
    return first if first.get("type") == "compaction" else None


def verify_pairing(requests: Iterable[HasBody]) -> dict[str, list[HasBody]]:
    """Assert on a request log what must hold for every conversation in it; return the conversations.

    See ``Conversations.see`` for what that is.
    """
    known = Conversations()
    found: dict[str, list[HasBody]] = {}
    for request in requests:
        found.setdefault(known.see(request), []).append(request)
    return found


@dataclass
class _Told:
    """A conversation as the requests so far have told it: one number for each message ever sent."""

    frame: Mapping[str, str]
    messages: list[int] = field(default_factory=list)
    start: int = 0


class Conversations:
    """Follows the conversations of a request log, one request after the other; it keeps no bodies."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}
        self._covered: dict[str, tuple[str, int]] = {}

    def see(self, request: HasBody) -> str:
        """Assert what must hold for a request; return the first message of its conversation.

        Each tool_use is answered exactly once, in the very next message.  Each request repeats the one before
        it, byte for byte, with nothing but new messages at its end.  Model, system prompt and tools stay.
        Where a request begins with a summary, what follows is just what that summary does not cover.
        A compaction sends what an earlier request has sent.
        """
        body = request.body
        messages = list(body["messages"])
        assert not (problem := pairing_problem(messages)), problem
        key, start = _bytes(messages[0]), 0
        if block := summary_of(messages):
            assert len(messages[0]["content"]) == 1, "a summary stands alone in its message"
            key, start = self._covered[str(block.get("signature"))]
            messages = messages[1:]
        frame = {name: _bytes(body.get(name)) for name in ("model", "system", "tools")}
        told = self._told.setdefault(key, _Told(frame))
        for name, text in told.frame.items():
            assert text == frame[name], f"{name} changed within a conversation"
        assert start >= told.start, "an older summary was sent again"
        told.start = start
        new, old = [hash(_bytes(message)) for message in messages], told.messages[start:]
        for index, (was, now) in enumerate(zip(old, new, strict=False)):
            assert was == now, f"message {start + index} changed: it became {_bytes(messages[index])}"
        if body.get("compaction"):
            assert len(new) <= len(old), "a compaction sends what no request has sent before"
            if issued := getattr(request, "issued", None):
                self._covered[str(issued["signature"])] = (key, start + len(new))
        else:
            assert len(new) >= len(old), f"the conversation shrank from {len(old)} to {len(new)} messages"
            told.messages[start:] = new
        return key


def _bytes(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
