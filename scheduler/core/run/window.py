"""The window: what is sent of a conversation, which may be much longer.

It begins with the newest summary, and goes on with every message that the summary does not stand for.  A
new one is asked for by sending once more the messages of a request that was answered: they are known to fit,
their size was counted, and the prompt cache holds them.  So a cut lies between a user's message and the
answer to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from scheduler.core.run.conversation import Block, Message


def as_params(summary: Block | None, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return a window as the API takes it: the block of the summary first, byte for byte as it came."""
    head = [] if summary is None else [{"role": "assistant", "content": [summary]}]
    return [*head, *(message.as_param() for message in messages)]


def latest_cut(window: Sequence[Message]) -> int | None:
    """Return the seq that a summary may reach up to while the last exchange stays word for word.

    None: the window holds nothing but its beginning and the last exchange.
    """
    cuts = list(_cuts(window))
    return window[cuts[-1]].seq if cuts else None


def middle_cut(window: Sequence[Message]) -> int | None:
    """Return the seq up to which the first half of a window lies: there is room to sum up that much.

    None: as for ``latest_cut``.
    """
    cuts = list(_cuts(window))
    if not cuts:
        return None
    sizes = [len(json.dumps(list(message.content))) for message in window]
    small = [cut for cut in cuts if 2 * sum(sizes[: cut + 1]) <= sum(sizes)]
    return window[(small or cuts[:1])[-1]].seq


def _cuts(window: Sequence[Message]) -> Iterator[int]:
    """Yield the places of user's messages that were answered, the first of the window left out.

    A summary of less than one answer would be no shorter than what it stands for.
    """
    answered = False
    for place in range(len(window) - 1):
        if window[place].role == "assistant":
            answered = True
        elif answered and window[place + 1].role == "assistant":
            yield place
