"""Pairing: each tool call is answered once, in the very next message; the last ones may be open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from scheduler.core.run.conversation import Message, Role
from scheduler.core.run.pairing import mispaired

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def use(*ids: str) -> list[dict[str, Any]]:
    return [{"type": "tool_use", "id": each, "name": "look", "input": {}} for each in ids]


def result(*ids: str) -> list[dict[str, Any]]:
    return [{"type": "tool_result", "tool_use_id": each, "content": "ok"} for each in ids]


TEXT = [{"type": "text", "text": "x"}]


def conversation(*contents: list[dict[str, Any]]) -> list[Message]:
    """Messages in turns, the user first."""
    roles: tuple[Role, Role] = ("user", "assistant")
    return [Message(n, roles[(n - 1) % 2], tuple(each), "own", NOW) for n, each in enumerate(contents, 1)]


@pytest.mark.parametrize(
    "contents",
    [
        [],
        [TEXT],
        [TEXT, TEXT],
        [TEXT, use("a", "b")],
        [TEXT, use("a", "b"), result("b", "a"), TEXT],
        [TEXT, use("a"), [*result("a"), *TEXT], use("b"), result("b")],
    ],
)
def test_what_is_right(contents: list[list[dict[str, Any]]]) -> None:
    assert mispaired(conversation(*contents)) == ""


@pytest.mark.parametrize(
    ("contents", "wrong"),
    [
        ([TEXT, use("a"), TEXT], "message 3 does not answer the call a"),
        ([TEXT, use("a", "b"), result("a")], "message 3 does not answer the call b"),
        ([TEXT, use("a"), result("a", "z")], "message 3 answers the call z, which was not made"),
        ([TEXT, TEXT, result("a")], "message 3 answers the call a, which was not made"),
        ([TEXT, use("a"), result("a", "a")], "message 3 answers a call twice"),
    ],
)
def test_what_is_wrong(contents: list[list[dict[str, Any]]], wrong: str) -> None:
    assert mispaired(conversation(*contents)) == wrong


def test_two_answers_in_a_row() -> None:
    first = Message(1, "assistant", tuple(use("a")), "own", NOW)
    second = Message(2, "assistant", tuple(TEXT), "own", NOW)
    assert mispaired([first, second]) == "message 2 comes before the answer to the call a"
