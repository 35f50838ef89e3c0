"""The breaker: detect a run that repeats the same call with the same result, or the same cut-off text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scheduler.core.run.conversation import Message

SAME = 3
"""The number of identical exchanges in a row that stops a run."""


def stuck_on(messages: Sequence[Message]) -> str | None:
    """Return the calls that a run repeats, or None while it makes progress.

    Any other message in between ends the repetition: a person's message, the time after a sleep.
    """
    last = messages[-2 * SAME :]
    if len(last) < 2 * SAME or last[0].role != "assistant":
        return None
    rounds = [_round(last[place], last[place + 1]) for place in range(0, 2 * SAME, 2)]
    if rounds[0] is None or any(each != rounds[0] for each in rounds):
        return None
    calls, _ = rounds[0]
    return ", ".join(name for name, _ in calls)


def is_cut_again(messages: Sequence[Message], note: str) -> bool:
    """Return whether the last answer, cut off, repeats the one before it word for word.

    Args:
        note: the message that follows an answer that was cut off.
    """
    if len(messages) < 3:
        return False
    before, between, last = messages[-3:]
    return (
        between.text == note
        and before.role == last.role == "assistant"
        and before.stop_reason == last.stop_reason
        and before.text == last.text
    )


def _round(asked: Message, told: Message) -> tuple[list[tuple[str, Any]], list[Any]] | None:
    """Return the calls and their results; None if the exchange contains anything else."""
    calls = [
        (str(block.get("name")), block.get("input"))
        for block in asked.content
        if block.get("type") == "tool_use"
    ]
    if not calls or told.role != "user" or any(block.get("type") != "tool_result" for block in told.content):
        return None
    return calls, [(block.get("content"), block.get("is_error")) for block in told.content]
