"""The model port: one request returns one whole answer or raises a ModelFault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scheduler.core.run.conversation import Block, Usage


@dataclass(frozen=True, slots=True)
class Ask:
    """A request: ``messages`` are the stored ones, verbatim.

    If a summary replaces the earliest ones, the first message contains only its block.
    ``compact``: request such a block for all of ``messages`` instead of an answer.
    """

    model: str
    system: str
    tools: Sequence[Mapping[str, Any]]
    messages: Sequence[Mapping[str, Any]]
    max_tokens: int
    compact: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: the stream reached ``message_stop`` and the stop reason is known.

    ``content`` contains the raw blocks, to be stored and replayed verbatim.  Of a compaction it is the one
    block and ``stop_reason`` is ``compaction``; without a summary it is empty and the reason is another.
    ``cost_microusd`` is None if the model's price is unknown.
    """

    content: tuple[Block, ...]
    stop_reason: str
    usage: Usage
    request_id: str | None
    cost_microusd: int | None


class Model(Protocol):
    """Answer requests."""

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        """Send one request and return its whole answer; ``on_text`` is called with the text as it streams.

        Raises:
            ModelFault: there is no usable answer.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
