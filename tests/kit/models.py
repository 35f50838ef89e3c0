"""A scripted model for tests: each request gets the next answer, which may be a fault, and has a price."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from scheduler.core.run.conversation import Block, Usage
from scheduler.errors import FaultKind, ModelFault
from scheduler.ports.model import Ask, Reply

CENT = 10_000
"""A cent in millionths of a dollar."""


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: text, tool calls as (name, arguments), and how the model stopped."""

    text: str = ""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    stop: str = ""
    cost: int | None = CENT
    tokens: int = 100

    def blocks(self, number: int) -> tuple[Block, ...]:
        """Return the content of the ``number``-th answer; ids are unique."""
        if self.stop == "compaction":
            return ({"type": "compaction", "content": self.text, "signature": f"signature {number}"},)
        text: list[Block] = [{"type": "text", "text": self.text}] if self.text else []
        return (
            *text,
            *(
                {"type": "tool_use", "id": f"toolu_{number}_{place}", "name": name, "input": dict(given)}
                for place, (name, given) in enumerate(self.calls, start=1)
            ),
        )


def say(text: str, stop: str = "end_turn", *, cost: int | None = CENT) -> Said:
    """Answer with text only."""
    return Said(text, (), stop, cost)


def call(*calls: tuple[str, Mapping[str, Any]], stop: str = "tool_use", cost: int | None = CENT) -> Said:
    """Answer with tool calls only."""
    return Said("", calls, stop, cost)


def summary(text: str = "Much was done.", *, tokens: int = 100) -> Said:
    """Sum up what a compaction has sent."""
    return Said(text, (), "compaction", tokens=tokens)


def sleep(until: str, reason: str = "") -> Said:
    """Answer by going to sleep."""
    return call(("sleep", {"until": until, "reason": reason}))


def finish(summary: str = "Done.", outcome: str = "done") -> Said:
    """Answer by ending the run."""
    return call(("finish", {"summary": summary, "outcome": outcome}))


def fault(kind: FaultKind, retry_after_seconds: float | None = None) -> ModelFault:
    """Give no answer."""
    return ModelFault(
        f"the API said {kind}", kind=kind, retry_after_seconds=retry_after_seconds, request_id="req_fault"
    )


Answer: TypeAlias = Said | ModelFault | Exception | Callable[[Ask], Said]


@dataclass
class FakeModel:
    """Answers every request with the next line; after the last one it finishes the run.

    ``hold`` stops it in the middle of a request, from the ``held_from``-th on, until the event is set;
    ``asked`` is set by each request.
    """

    lines: list[Answer] = field(default_factory=list)
    requests: int = 0
    hold: asyncio.Event | None = None
    held_from: int = 1
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        """Give the next answer."""
        self.requests += 1
        number = self.requests
        line = self.lines.pop(0) if self.lines else finish("The script has ended.")
        self.asked.set()
        if self.hold is not None and number >= self.held_from:
            await self.hold.wait()
        if isinstance(line, Exception):
            raise line
        said = line if isinstance(line, Said) else line(ask)
        content = said.blocks(number)
        if on_text and said.text:
            on_text(said.text)
        usage = Usage(input_tokens=said.tokens, output_tokens=10)
        return Reply(content, said.stop, usage, f"req_{number}", said.cost)

    async def close(self) -> None:
        """Do nothing."""
