"""Pairing: whether stored messages answer each tool call exactly once, in the very next message."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.core.run.conversation import Message


def mispaired(messages: Sequence[Message]) -> str:
    """Return what is wrong with a conversation, or an empty text; calls of the last message may be open."""
    wanted: list[str] = []
    for message in messages:
        given = _ids(message, "tool_result", "tool_use_id")
        if message.role == "user":
            if missing := [each for each in wanted if each not in given]:
                return f"message {message.seq} does not answer the call {missing[0]}"
            if strange := [each for each in given if each not in wanted]:
                return f"message {message.seq} answers the call {strange[0]}, which was not made"
            if len(set(given)) != len(given):
                return f"message {message.seq} answers a call twice"
        elif wanted:
            return f"message {message.seq} comes before the answer to the call {wanted[0]}"
        wanted = _ids(message, "tool_use", "id")
    return ""


def _ids(message: Message, kind: str, field: str) -> list[str]:
    return [str(block.get(field)) for block in message.content if block.get("type") == kind]
