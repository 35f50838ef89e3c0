"""The model port: one request returns one whole answer or raises a ModelFault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scheduler.core.run.conversation import Block, Usage


@dataclass(frozen=True, slots=True)
class Ask:
    """What is sent: ``messages`` are the stored ones, verbatim.

    Where a summary stands for the earliest ones, the first message holds its block alone.
    ``compact``: no answer is wanted, but such a block for all of ``messages``.
    """

    model: str
    system: str
    tools: Sequence[Mapping[str, Any]]
    messages: Sequence[Mapping[str, Any]]
    max_tokens: int
    compact: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: the stream reached ``message_stop`` and the stop reason is a known one.

    ``content`` holds the raw blocks, to be stored and replayed verbatim.  Of a compaction it is the one block
    and ``stop_reason`` is ``compaction``; where no summary came of it, it is empty and the reason is another.
    ``cost_microusd`` is None when the model's price is not known.
    """

    content: tuple[Block, ...]
    stop_reason: str
    usage: Usage
    request_id: str | None
    cost_microusd: int | None


class Model(Protocol):
    """Answers requests."""

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        """Send one request and return its whole answer; ``on_text`` hears the text as it streams.

        Raises:
            ModelFault: there is no usable answer.
        """
        ...

    async def close(self) -> None:
        """Free connections."""
        ...
