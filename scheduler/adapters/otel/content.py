"""Message content in the form of the GenAI conventions, exported only if their variable enables it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Message
from scheduler.core.run.step import Step


def content(before: Checkpoint, step: Step) -> dict[str, Any]:
    """Return the new messages of this request and its answer; the history is in earlier spans."""
    news: list[Message] = []
    for message in reversed(before.messages):
        if message.role == "assistant":
            break
        news.insert(0, message)
    found = {"gen_ai.input.messages": as_json([_said(message) for message in news])}
    if before.frame is not None and before.requests <= 1:
        found["gen_ai.system_instructions"] = as_json([{"type": "text", "content": before.frame.system}])
    if answers := [_said(message) for message in step.messages]:
        found["gen_ai.output.messages"] = as_json(answers)
    return found


def _said(message: Message) -> dict[str, Any]:
    said: dict[str, Any] = {"role": message.role, "parts": [_part(block) for block in message.content]}
    if message.stop_reason:
        said["finish_reason"] = message.stop_reason
    return said


def _part(block: Mapping[str, Any]) -> dict[str, Any]:
    match block.get("type"):
        case "text":
            return {"type": "text", "content": block.get("text", "")}
        case "tool_use":
            call = {"id": block.get("id"), "name": block.get("name"), "arguments": block.get("input")}
            return {"type": "tool_call", **call}
        case "tool_result":
            return {
                "type": "tool_call_response",
                "id": block.get("tool_use_id"),
                "response": block.get("content"),
            }
        case _:
            return dict(block)


def as_json(value: Any) -> str:
    """Return a value as the text of an attribute."""
    return json.dumps(value, ensure_ascii=False, default=str)
