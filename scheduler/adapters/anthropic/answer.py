"""Assemble an answer event by event, from the raw JSON of the server.

The SDK's own accumulator uses typed models: it drops the deltas of unknown blocks,
adds fields of its own, and treats a cut stream as a success.  The stored answer is sent again for
months, so it must be exactly what the server sent.
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
"""The type of the block of a compaction, and its stop reason."""

NOTHING_SAID = "[no text]"

_USAGE_NAMES = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
}


class Answer:
    """Collect the events of one stream.

    Args:
        compact: the request is for a summary, which may be empty.
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
        """Process an event and return the piece of text that it adds, if any.

        An event of an unknown type is ignored, as the API's versioning policy requires.

        Raises:
            ModelFault: a part of a block is of an unknown kind, so that the block could not be sent again.
            LookupError: an event lacks a required field.
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
        """Whether its end was received."""
        return self._stopped

    def check_whole(self) -> None:
        """Refuse an answer that is incomplete, or has an unknown ending.

        Raises:
            ModelFault: message_stop is missing, or the stop reason is unknown.
        """
        if not self._began:
            raise ModelFault("the answer is not a message", kind="cut" if not self._blocks else "unknown")
        if not self._stopped:
            raise ModelFault("the stream ended before the answer did", kind="cut")
        if self.stop_reason not in STOP_REASONS and not (self._compact and self.stop_reason == COMPACTION):
            raise ModelFault(f"the answer has an unknown stop reason: {self.stop_reason}", kind="unknown")

    def content(self) -> tuple[Block, ...]:
        """Return the blocks in a form that can be sent back.

        Raises:
            ModelFault: the input of a tool call is not JSON although the model says that it is complete.
        """
        if self._compact:
            # Kept unchanged, including nulls: it is signed.  One without a text is not a summary.
            found = (self._blocks[index] for index in sorted(self._blocks))
            return tuple(block for block in found if block["type"] == COMPACTION and block.get("content"))
        whole = (self._whole(index, self._blocks[index]) for index in sorted(self._blocks))
        kept = tuple(block for block in whole if not _is_blank(block))
        # The model may return no text; the API refuses an empty message later.
        return kept or ({"type": "text", "text": NOTHING_SAID},)

    def usage(self) -> Usage:
        """Return the tokens counted so far, including those of a compaction."""
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
        # Null means absent in every block, and the API is stricter with its input than with its output.
        kept = {name: value for name, value in block.items() if value is not None}
        if written := self._json.get(index):
            try:
                kept["input"] = json.loads(written, parse_constant=_refuse, parse_float=_finite)
            except ValueError as error:
                if self.stop_reason == "tool_use":
                    raise ModelFault("the input of a tool call is not JSON", kind="cut") from error
                kept["input"] = {}  # max_tokens in the middle of a call, which will not run
        if kept.get("type") in ("text", "tool_use"):
            return self._sendable(kept)
        return kept

    def _sendable(self, block: dict[str, Any]) -> dict[str, Any]:
        """A model can write half of a surrogate pair, which cannot be sent back."""
        try:
            clean: dict[str, Any] = sendable_json(block)
        except ValueError as error:
            raise ModelFault(f"a block of the answer cannot be sent back: {error}", kind="unknown") from error
        return clean

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        # The counts of a message_delta are totals; if one is missing, the earlier one stays.
        for name in _USAGE_NAMES:
            value = (usage or {}).get(name)
            if isinstance(value, int) and value >= 0:
                self._usage[name] = value
        # The tokens of a compaction are billed and not included in any total.
        parts = [part for part in (usage or {}).get("iterations") or () if part.get("type") == COMPACTION]
        if parts:
            self._apart = sum(map(_tokens, parts), Usage())


def _tokens(counts: Mapping[str, Any]) -> Usage:
    return Usage(**{ours: counts.get(theirs) or 0 for theirs, ours in _USAGE_NAMES.items()})


def _is_blank(block: Mapping[str, Any]) -> bool:
    """Whether this is a text block that the API sends but does not accept."""
    return block.get("type") == "text" and not str(block.get("text", "")).strip()


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} cannot be sent back")
    return value
