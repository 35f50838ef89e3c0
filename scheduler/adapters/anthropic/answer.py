"""Assemble an answer event by event, from the raw JSON of the server.

The SDK's own accumulator goes through typed models: it drops the deltas of blocks that it does not know,
adds fields of its own, and calls a stream that was cut a success.  What is stored here is replayed for
months, so it must be neither more nor less than what came.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from scheduler.core.run.conversation import Block, Usage
from scheduler.core.text.capped import sendable_json
from scheduler.errors import ModelFault

STOP_REASONS = frozenset(
    {
        "end_turn",
        "max_tokens",
        "stop_sequence",
        "tool_use",
        "pause_turn",
        "refusal",
        "model_context_window_exceeded",
    }
)

COMPACTION = "compaction"
"""The type of the one block that a compaction gives, and the stop reason that says so."""

NOTHING_SAID = "[no text]"

_USAGE_NAMES = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
}


class Answer:
    """Collects the events of one stream.

    Args:
        compact: the request asked for a summary, which may come to nothing.
    """

    def __init__(self, *, compact: bool = False) -> None:
        self._compact = compact
        self._blocks: dict[int, dict[str, Any]] = {}
        self._json: dict[int, str] = {}
        self._usage: dict[str, int] = {}
        self._apart = Usage()
        self._began = False
        self._stopped = False
        self.stop_reason: str | None = None

    def feed(self, event: Mapping[str, Any]) -> str:
        """Take in one event and return the piece of text that it adds, if any.

        An event of an unknown type is passed over, as the API's versioning policy asks.

        Raises:
            ModelFault: a part of a block is of an unknown kind, so the block could not be replayed.
            LookupError: an event lacks what it must have.
        """
        kind = event["type"]
        if kind == "message_start":
            self._began = True
            self._count(event["message"].get("usage"))
        elif kind == "content_block_start":
            self._blocks[event["index"]] = dict(event["content_block"])
        elif kind == "content_block_delta":
            return self._grow(event["index"], event["delta"])
        elif kind == "message_delta":
            self.stop_reason = event["delta"].get("stop_reason") or self.stop_reason
            self._count(event.get("usage"))
        elif kind == "message_stop":
            self._stopped = True
        return ""

    @property
    def is_over(self) -> bool:
        """Whether its end was seen."""
        return self._stopped

    def check_whole(self) -> None:
        """Refuse an answer that is not complete, or whose ending nobody knows.

        Raises:
            ModelFault: no message_stop was seen, or the stop reason is none of the known ones.
        """
        if not self._began:
            raise ModelFault("the answer is not a message", kind="cut" if not self._blocks else "unknown")
        if not self._stopped:
            raise ModelFault("the stream ended before the answer did", kind="cut")
        if self.stop_reason not in STOP_REASONS and not (self._compact and self.stop_reason == COMPACTION):
            raise ModelFault(f"the answer has an unknown stop reason: {self.stop_reason}", kind="unknown")

    def content(self) -> tuple[Block, ...]:
        """Return the blocks, as they can be sent back.

        Raises:
            ModelFault: the input of a tool call is not JSON although the model says that it is whole.
        """
        if self._compact:
            # Kept as it came, nulls and all: it is signed.  One without a text is no summary.
            found = (self._blocks[index] for index in sorted(self._blocks))
            return tuple(block for block in found if block["type"] == COMPACTION and block.get("content"))
        whole = (self._whole(index, self._blocks[index]) for index in sorted(self._blocks))
        kept = tuple(block for block in whole if not _is_blank(block))
        # It happens that the model says nothing; the API refuses to get an empty message back.
        return kept or ({"type": "text", "text": NOTHING_SAID},)

    def usage(self) -> Usage:
        """Return the tokens counted so far, those of a compaction included."""
        return _tokens(self._usage) + self._apart

    def _grow(self, index: int, delta: Mapping[str, Any]) -> str:
        block = self._blocks[index]
        kind = delta["type"]
        if kind == "text_delta":
            block["text"] = block.get("text", "") + delta["text"]
            return str(delta["text"])
        if kind == "input_json_delta":
            self._json[index] = self._json.get(index, "") + delta["partial_json"]
        elif kind == "thinking_delta":
            block["thinking"] = block.get("thinking", "") + delta["thinking"]
        elif kind == "signature_delta":
            block["signature"] = delta["signature"]
        elif kind == "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
        else:
            raise ModelFault(f"the answer has a part of an unknown kind: {kind}", kind="unknown")
        return ""

    def _whole(self, index: int, block: dict[str, Any]) -> dict[str, Any]:
        # Null means absent in every block, and the API is stricter with what it gets than with what it sends.
        kept = {name: value for name, value in block.items() if value is not None}
        if written := self._json.get(index):
            try:
                kept["input"] = json.loads(written, parse_constant=_refuse, parse_float=_finite)
            except ValueError as error:
                if self.stop_reason == "tool_use":
                    raise ModelFault("the input of a tool call is not JSON", kind="cut") from error
                kept["input"] = {}  # max_tokens in the middle of a call; nobody will run it
        if kept.get("type") in ("text", "tool_use"):
            return self._sendable(kept)
        return kept

    def _sendable(self, block: dict[str, Any]) -> dict[str, Any]:
        """A model can write half of a surrogate pair, which nobody can send back."""
        try:
            clean: dict[str, Any] = sendable_json(block)
        except ValueError as error:
            raise ModelFault(f"a block of the answer cannot be sent back: {error}", kind="unknown") from error
        return clean

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        # The counts of a message_delta are totals; one that is missing leaves the earlier one standing.
        for name in _USAGE_NAMES:
            value = (usage or {}).get(name)
            if isinstance(value, int) and value >= 0:
                self._usage[name] = value
        # What a compaction takes is billed and stands in no total.
        parts = [part for part in (usage or {}).get("iterations") or () if part.get("type") == COMPACTION]
        if parts:
            self._apart = sum(map(_tokens, parts), Usage())


def _tokens(counts: Mapping[str, Any]) -> Usage:
    return Usage(**{ours: counts.get(theirs) or 0 for theirs, ours in _USAGE_NAMES.items()})


def _is_blank(block: Mapping[str, Any]) -> bool:
    """Whether this is a text block that the API sends but refuses to get back."""
    return block.get("type") == "text" and not str(block.get("text", "")).strip()


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} cannot be sent back")
    return value
