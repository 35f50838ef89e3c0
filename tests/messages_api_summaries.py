"""Compaction at the fake Messages API: which blocks it has issued, and what it refuses about them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.messages_api_rules import Refusal, summary_of

BETA = "compact-2026-09-04"

_NOT_WITH_COMPACTION = ("context_management", "stop_sequences", "output_format")


@dataclass(frozen=True, slots=True)
class Issued:
    """A block as it was issued: the conversation that it stands for, and how many answers that held."""

    block: Mapping[str, Any]
    first: Mapping[str, Any]
    answers: int


class Summaries:
    """Remembers the blocks that an API has issued, as the real one reads them from their signatures."""

    def __init__(self) -> None:
        self._issued: dict[str, Issued] = {}

    def issue(self, body: Mapping[str, Any], text: str, number: int) -> Mapping[str, Any]:
        """Return the block that stands for a conversation from now on; it is read back unaltered."""
        signature = f"signature-{number}-of-{abs(hash(text))}"
        block = {"type": "compaction", "content": text, "encrypted_content": None, "signature": signature}
        first, answers = self.told(body["messages"])
        self._issued[signature] = Issued(block, first, answers)
        return block

    def told(self, messages: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], int]:
        """Return the first message of a conversation and how many answers it has had, summed up or not."""
        answers = sum(message["role"] == "assistant" for message in messages)
        block = summary_of(messages)
        if block is None or str(block.get("signature")) not in self._issued:
            return messages[0], answers
        issued = self._issued[str(block["signature"])]
        return issued.first, issued.answers + answers - 1

    def check(self, body: Mapping[str, Any], betas: Sequence[str]) -> None:
        """Refuse what the API refuses about compactions and their blocks.

        Raises:
            Refusal: with the reason.
        """
        if body.get("compaction") is not None:
            _check_asked(body, betas)
        found = [
            (index, place, block)
            for index, message in enumerate(body["messages"])
            for place, block in enumerate(message["content"] if isinstance(message["content"], list) else ())
            if block.get("type") == "compaction"
        ]
        if not found:
            return
        if BETA not in betas:
            raise Refusal(
                "messages.0.content.0: Input tag 'compaction' does not match any of the expected tags"
            )
        if len(found) > 1:
            raise Refusal("compaction_block_ambiguous: send only the block that was returned last")
        ((index, place, block),) = found
        if (index, place) != (0, 0):
            raise Refusal("compaction_block_misplaced: the block is not the first of the conversation")
        issued = self._issued.get(str(block.get("signature")))
        if issued is None:
            raise Refusal("compaction_signature_invalid: the signature does not verify")
        if json.dumps(block) != json.dumps(issued.block):
            raise Refusal("compaction_content_mismatch: the block differs from what was returned")


def _check_asked(body: Mapping[str, Any], betas: Sequence[str]) -> None:
    asked = body["compaction"]
    if BETA not in betas:
        raise Refusal(f"compaction: requires anthropic-beta: {BETA}")
    if asked.get("type") != "summarize" or set(asked) - {"type", "instructions"}:
        raise Refusal(f"compaction: unknown parameters: {asked}")
    for name in _NOT_WITH_COMPACTION:
        if body.get(name):
            raise Refusal(f"{name}: cannot be combined with compaction")
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise Refusal("tool_choice: cannot be combined with compaction")
    last = body["messages"][-1]["content"]
    if any(block["type"] == "tool_use" for block in last if isinstance(block, dict)):
        raise Refusal("compaction_incomplete_turn: the last turn asks for a tool and is not answered")
