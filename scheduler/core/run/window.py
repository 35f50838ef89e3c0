"""The window: the part of a conversation that is sent.

It begins with the newest summary, followed by every message that the summary does not cover.  A new one is
requested by sending the messages of an answered request again: they are known to fit, their size was counted,
and the prompt cache holds them.  So a cut is always between a user's message and the
answer to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from scheduler.core.run.conversation import Block, Message


def as_params(summary: Block | None, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return a window in the API's form: the block of the summary first, unchanged byte for byte."""
    head = [] if summary is None else [{"role": "assistant", "content": [summary]}]
    return [*head, *(message.as_param() for message in messages if not _is_empty(message))]


def _is_empty(message: Message) -> bool:
    """Return whether the API would refuse a message as empty; it joins the user messages around it."""
    return all(
        block.get("type") == "text" and not str(block.get("text", "")).strip() for block in message.content
    )


def latest_cut(window: Sequence[Message]) -> int | None:
    """Return the seq up to which a summary may reach while the last exchange stays word for word.

    None: the window contains only its beginning and the last exchange.
    """
    cuts = list(_cuts(window))
    return window[cuts[-1]].seq if cuts else None


def middle_cut(window: Sequence[Message]) -> int | None:
    """Return the seq at which the first half of a window ends: a request with it has room for a summary.

    None: as for ``latest_cut``.
    """
    cuts = list(_cuts(window))
    if not cuts:
        return None
    sizes = [len(json.dumps(list(message.content))) for message in window]
    small = [cut for cut in cuts if 2 * sum(sizes[: cut + 1]) <= sum(sizes)]
    return window[(small or cuts[:1])[-1]].seq


def _cuts(window: Sequence[Message]) -> Iterator[int]:
    """Yield the places of answered user messages, except the first of the window.

    A summary of less than one answer would be no shorter than the original.
    """
    answered = False
    for place in range(len(window) - 1):
        if window[place].role == "assistant":
            answered = True
        elif answered and window[place + 1].role == "assistant":
            yield place
