"""The event stream of the fake Messages API: one turn as the events that the real API would send."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What one request gets: an answer, a broken answer, or an error.

    Args:
        thinking: pairs of thinking text and signature, before the text.
        blocks: further blocks exactly as given (server tools), before the calls.
        stop_reason: by default tool_use with calls, else end_turn; max_tokens cuts the last call in half.
        usage: replaces the counts that are made up; names as in the API.
        summary: the answer to a compaction; an empty one says that none came of it, for ``stop_reason``.
        cut: break off: ``disconnect`` drops the connection, ``truncate`` ends the body as if all were said,
            ``stall`` says nothing more.
        cut_at: before which event: an index, or ``tool_use`` for the middle of the first call's input.
        sse_error: an error event of this type in place of what follows ``cut_at``.
        unnamed_events: send data lines without event names for the error, as some proxies do.
        drip_seconds: wait before every event.
        delay_seconds: wait before the response begins.
        garbage: a 200 with this body and ``content_type``.
        fail: a status, with ``error_type``, ``message``, ``retry_after``, ``headers``.
        times: how often a fault is served before the script goes on.
    """

    text: str = ""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    thinking: tuple[tuple[str, str], ...] = ()
    blocks: tuple[Mapping[str, Any], ...] = ()
    stop_reason: str = ""
    usage: Mapping[str, int] = field(default_factory=dict)
    summary: str | None = None
    cut: Literal["", "disconnect", "truncate", "stall"] = ""
    cut_at: int | Literal["tool_use"] = 4
    sse_error: str = ""
    unnamed_events: bool = False
    drip_seconds: float = 0.0
    delay_seconds: float = 0.0
    garbage: str | None = None
    content_type: str = "application/json"
    fail: int = 0
    error_type: str = "api_error"
    message: str = ""
    retry_after: float | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1

    @property
    def is_answer(self) -> bool:
        """Whether the conversation goes on after it; a fault is followed by another request."""
        return not (self.fail or self.cut or self.sse_error or self.garbage is not None)

    def suits(self, compacts: bool) -> bool:
        """Whether it can be the answer to a compaction, or to any other request; a fault suits both."""
        return not self.is_answer or compacts == (self.summary is not None)

    @property
    def name(self) -> str:
        """What the request log calls it."""
        if self.fail:
            return f"fail {self.fail}"
        if self.garbage is not None:
            return "garbage"
        if self.cut or self.sse_error:
            return f"cut {self.cut or self.sse_error} at {self.cut_at}"
        return f"answer {self.reason}"

    @property
    def reason(self) -> str:
        """The stop reason."""
        return self.stop_reason or (
            "compaction" if self.summary else "tool_use" if self.calls else "end_turn"
        )


NewId = Callable[[str], str]
Issue = Callable[[str, str], None]


def events_of(turn: Turn, body: Mapping[str, Any], new_id: NewId, issue: Issue) -> Iterator[bytes | None]:
    """Yield the stream piece by piece; None is where it is cut."""
    for index, event in enumerate(_whole(turn, body, new_id, issue)):
        if (turn.cut or turn.sse_error) and _is_cut(turn, index, event):
            if not turn.sse_error:
                yield None
                return
            error = {"type": turn.sse_error, "message": turn.message or "scripted"}
            yield _wire("" if turn.unnamed_events else "error", {"type": "error", "error": error})
            return
        yield _wire(event["type"], event)


def _is_cut(turn: Turn, index: int, event: Mapping[str, Any]) -> bool:
    if isinstance(turn.cut_at, int):
        return index >= turn.cut_at
    # The second half of the input is the event that never comes.
    piece = str(event.get("delta", {}).get("partial_json", ""))
    return bool(piece) and not piece.startswith("{")


def _wire(name: str, event: Mapping[str, Any]) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def _whole(turn: Turn, body: Mapping[str, Any], new_id: NewId, issue: Issue) -> Iterator[dict[str, Any]]:
    size = len(json.dumps(body))
    caches = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    usage = {"input_tokens": size // 4, **caches, "output_tokens": 1} | dict(turn.usage)
    message: dict[str, Any] = {
        "id": new_id("msg"),
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0} if turn.summary is not None else usage,
    }
    yield {"type": "message_start", "message": message}
    yield {"type": "ping"}
    for index, (block, deltas) in enumerate(_blocks(turn, new_id, issue)):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": turn.reason, "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": _totals(turn, usage)}
    yield {"type": "message_stop"}


def _totals(turn: Turn, usage: Mapping[str, int]) -> dict[str, Any]:
    if turn.summary is None:
        made_up = 5 + len(turn.text) // 4 + 20 * len(turn.calls)
        return {"output_tokens": turn.usage.get("output_tokens", made_up)}
    # Nothing was answered; what the summary took stands apart and in no total.
    part = {"type": "compaction", **usage, "output_tokens": 5 + len(turn.summary) // 4}
    return {"input_tokens": 0, "output_tokens": 0, "iterations": [part]}


def _blocks(turn: Turn, new_id: NewId, issue: Issue) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    for thought, signature in turn.thinking:
        issue(thought, signature)
        deltas = [{"type": "thinking_delta", "thinking": part} for part in _halves(thought)]
        deltas.append({"type": "signature_delta", "signature": signature})
        yield {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if turn.text:
        parts = [{"type": "text_delta", "text": part} for part in _halves(turn.text)]
        yield {"type": "text", "text": "", "citations": None}, parts
    for block in turn.blocks:
        yield dict(block), []
    for position, (name, given) in enumerate(turn.calls):
        pieces = _halves(json.dumps(given))
        if turn.reason == "max_tokens" and position == len(turn.calls) - 1:
            pieces = pieces[:1]
        deltas = [{"type": "input_json_delta", "partial_json": ""}]
        deltas += [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        yield {"type": "tool_use", "id": new_id("toolu"), "name": name, "input": {}}, deltas


def _halves(text: str) -> list[str]:
    middle = (len(text) + 1) // 2
    return [part for part in (text[:middle], text[middle:]) if part]
