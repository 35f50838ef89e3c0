"""Whether a conversation is one that the Messages API takes: the rules that its reference names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from scheduler.core.run.conversation import Message
from scheduler.core.run.window import as_params
from scheduler.ports.model import Ask

RESENT = ("pause_turn",)


def assert_valid(messages: Sequence[Message], *, foreign: bool = False) -> None:
    """Check a stored conversation: every prefix of it could have been sent, or waits for its tool results.

    Args:
        foreign: a backend with a loop of its own recorded it, whose agent may speak twice in a row.
    """
    assert [message.seq for message in messages] == list(range(1, len(messages) + 1)), "seqs have holes"
    for before, after in pairwise(messages):
        if not foreign and (before.role, after.role) == ("assistant", "assistant"):
            assert before.stop_reason in RESENT, f"two answers in a row after {before.stop_reason}"
    for message in messages:
        assert (message.role == "assistant") == (message.stop_reason is not None)
        assert message.created_at.utcoffset() is not None
    _pairing(as_params(None, messages), open_end=True)


def assert_sendable(ask: Ask) -> None:
    """Check one request: nothing open, and nothing in it that JSON or UTF-8 cannot carry."""
    _pairing(ask.messages, open_end=False)
    text = json.dumps([ask.system, list(ask.tools), list(ask.messages)], ensure_ascii=False)
    text.encode("utf-8")
    assert "\0" not in text
    names = [tool["name"] for tool in ask.tools]
    assert len(set(names)) == len(names)


def assert_prefixes(asks: Sequence[Ask]) -> None:
    """Check that each request of a run begins, byte for byte, with the one before it, as the cache wants."""
    conversations: dict[str, Ask] = {}
    for ask in asks:
        key = json.dumps(ask.messages[0])
        earlier = conversations.get(key)
        if ask.compact:
            # What is summed up was sent before, and answered.
            assert earlier is not None
            assert json.dumps(list(ask.messages)) == json.dumps(list(earlier.messages[: len(ask.messages)]))
            continue
        conversations[key] = ask
        if earlier is None:
            continue
        for name in ("model", "system", "tools"):
            assert json.dumps(getattr(ask, name)) == json.dumps(getattr(earlier, name)), f"{name} changed"
        count = len(earlier.messages)
        assert len(ask.messages) >= count
        assert json.dumps(list(ask.messages[:count])) == json.dumps(list(earlier.messages))


def _pairing(messages: Sequence[Mapping[str, Any]], *, open_end: bool) -> None:
    if messages and messages[0]["role"] != "user":
        kinds = [block["type"] for block in messages[0]["content"]]
        assert kinds == ["compaction"], "a conversation begins with the user, or with a summary"
    seen: set[str] = set()
    for index, message in enumerate(messages):
        assert message["content"], f"message {index + 1} is empty"
        wanted = _ids(message, "tool_use", "id")
        assert not seen & set(wanted), "a tool_use id came twice"
        seen |= set(wanted)
        if index == len(messages) - 1:
            assert open_end or not wanted, "the last message asks for tools and is not answered"
            continue
        results = _ids(messages[index + 1], "tool_result", "tool_use_id")
        assert sorted(results) == sorted(wanted), f"message {index + 2} answers {results}, not {wanted}"
        if results:
            kinds = [block["type"] for block in messages[index + 1]["content"]]
            assert kinds[: len(results)] == ["tool_result"] * len(results), "results come first"
            assert messages[index + 1]["role"] == "user"
    if messages:
        assert not _ids(messages[0], "tool_result", "tool_use_id")


def _ids(message: Mapping[str, Any], kind: str, key: str) -> list[str]:
    return [block[key] for block in message["content"] if block["type"] == kind]
