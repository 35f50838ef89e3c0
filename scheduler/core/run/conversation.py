"""The conversation: messages in the API's form, and the journal of their tool calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from scheduler.core.text.redact import OURS
from scheduler.core.trust.effect import Effect

Block: TypeAlias = Mapping[str, Any]
"""One content block in the API's own JSON form; never altered after it was stored."""

Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a run, append-only.

    Args:
        seq: position in the conversation, from 1.
        content: the raw blocks, replayed verbatim.
        provenance: the author of the text: ``owner``, ``own``, or ``untrusted:<source>``.
        stop_reason: the API's, for a message of the assistant.
    """

    seq: int
    role: Role = field(metadata=OURS)
    content: tuple[Block, ...]
    provenance: str = field(metadata=OURS)
    created_at: datetime
    stop_reason: str | None = field(default=None, metadata=OURS)

    def as_param(self) -> dict[str, Any]:
        """Return the message in the API's form."""
        return {"role": self.role, "content": list(self.content)}

    @property
    def text(self) -> str:
        """The text blocks, joined by blank lines."""
        return "\n\n".join(str(b["text"]) for b in self.content if b.get("type") == "text")


class CallState(StrEnum):
    """The progress of a tool call."""

    PLANNED = "planned"
    """Requested by the model and recorded; not started."""
    STARTED = "started"
    """Recorded as started: after a crash its outcome is unknown."""
    WAITING = "waiting"
    """A sleep, until its wake-up."""
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Interrupted, not repeated; the agent was told."""


CLOSED_CALLS = frozenset({CallState.DONE, CallState.FAILED, CallState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call of the agent and its result.

    Args:
        id: the API's tool_use id, unique within the run.
        message_seq: the assistant message that contains it.
        position: its place among the calls of that message, from 0.
        key: the idempotency key, generated when the call was recorded.
        result: the content of the tool_result block (text or blocks), once closed.
        provenance: the label of the result.
        rule: the rule that allowed it, or stopped it; empty before the decision.
    """

    id: str = field(metadata=OURS)
    message_seq: int
    position: int
    name: str
    args: Mapping[str, Any]
    effect: Effect
    key: str = field(metadata=OURS)
    state: CallState = CallState.PLANNED
    result: str | tuple[Block, ...] | None = None
    provenance: str = field(default="own", metadata=OURS)
    rule: str = field(default="", metadata=OURS)
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the call has a result that can be sent."""
        return self.state in CLOSED_CALLS

    def as_result(self) -> dict[str, Any]:
        """Return the tool_result block that answers this call."""
        content = self.result if isinstance(self.result, str) else list(self.result or ())
        block: dict[str, Any] = {"type": "tool_result", "tool_use_id": self.id, "content": content}
        if self.state in (CallState.FAILED, CallState.UNKNOWN):
            block["is_error"] = True
        return block


def results_in(messages: Iterable[Message]) -> dict[str, str | tuple[Block, ...]]:
    """Return the contents of all tool_result blocks, by the id of the call that each answers."""
    found: dict[str, str | tuple[Block, ...]] = {}
    for message in messages:
        for block in message.content:
            if message.role == "user" and block.get("type") == "tool_result":
                content = block.get("content", "")
                found[str(block.get("tool_use_id"))] = content if isinstance(content, str) else tuple(content)
    return found


def with_results(calls: Iterable[Call], messages: Iterable[Message]) -> Iterator[Call]:
    """Yield calls with their results: once its message is stored, a result is there and not in the call.

    Args:
        messages: those that may answer the calls; others are ignored.
    """
    results = results_in(messages)
    for call in calls:
        if call.is_closed and call.result is None:
            yield replace(call, result=results.get(call.id))
        else:
            yield call


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, as the API counts them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    @property
    def sent_tokens(self) -> int:
        """The size of the input: read from the cache, written to it, and the rest."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def tokens(self) -> int:
        """All tokens, as a cap on tokens counts them."""
        return self.sent_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
        )


RequestState = Literal["sent", "answered", "failed", "lost"]


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the model: recorded before it is sent, closed when it is answered.

    ``lost`` means that the process died while it was in flight: it may have been billed, its cost is unknown.
    ``reserved_microusd``: the most that it can cost, counted while it is in flight, and forever if it is
    lost. ``tokens``: what it counts under a cap on tokens: the maximum while it is in flight and if it is
    lost, the real number after an answer.
    ``cost_assumed``: the price of the model is unknown, so every token counts at an assumed price.

    ``covers``: this is a compaction: it requests a summary of the messages up to this seq, not an answer.
    ``summary``: the resulting block, sent from now on in place of those messages; None if there is none.
    """

    number: int
    attempt: int
    model: str
    started_at: datetime
    state: RequestState = field(default="sent", metadata=OURS)
    ended_at: datetime | None = None
    request_id: str | None = None
    stop_reason: str | None = field(default=None, metadata=OURS)
    usage: Usage = Usage()
    cost_microusd: int | None = None
    cost_assumed: bool = False
    error: str = ""
    covers: int | None = None
    summary: Block | None = None
    reserved_microusd: int = 0
    tokens: int = 0

    def as_lost(self, now: datetime, error: str) -> Request:
        """Return it as a request whose answer was lost: it may be billed, so its reservation is spent."""
        cost = self.reserved_microusd or None
        return replace(
            self, state="lost", ended_at=now, error=error, cost_microusd=cost, cost_assumed=cost is not None
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """The part of a run between a claim and the release of its lease."""

    number: int
    epoch: int
    runner: str
    claimed_at: datetime
    released_at: datetime | None = None
    ended_as: str = ""
