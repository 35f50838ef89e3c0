"""The size of the next request in tokens, estimated before it is sent; rather too much than too little."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Usage

BYTES_PER_TOKEN = 3
"""Fewer than there are in most texts, so that a guess is rather too much than too little."""

PICTURE_TOKENS = 2_000


def guessed_tokens(value: Any) -> int:
    """Return how many tokens a part of a request may have, from its size; rather too many."""
    if isinstance(value, str):
        return len(value.encode(errors="replace")) // BYTES_PER_TOKEN + 1
    if isinstance(value, Mapping):
        if value.get("type") == "image":
            return PICTURE_TOKENS
        return sum(guessed_tokens(key) + guessed_tokens(each) for key, each in value.items())
    if isinstance(value, Sequence):
        return sum(map(guessed_tokens, value))
    return 1


def worst_usage(checkpoint: Checkpoint, max_tokens: int) -> Usage:
    """Return the most tokens that the next request may have.

    What was sent before was counted by the API; only what has come since must be guessed.  Nothing may be in
    the prompt's cache any more, and to write it there is what costs most.
    """
    if checkpoint.window_tokens:
        answer = next((n for n, m in enumerate(reversed(checkpoint.messages)) if m.role == "assistant"), 0)
        fresh = checkpoint.messages[len(checkpoint.messages) - answer - 1 :]
        sent = checkpoint.window_tokens + sum(guessed_tokens(message.content) for message in fresh)
    else:
        assert checkpoint.frame is not None, "the first step pins the frame"
        # The tools are the same in every run and hold no pictures: their length is enough.
        sent = guessed_tokens(checkpoint.frame.system) + guessed_tokens(json.dumps(checkpoint.frame.tools))
        sent += guessed_tokens(checkpoint.summary or "") + sum(
            guessed_tokens(m.content) for m in checkpoint.messages
        )
    return Usage(cache_write_tokens=sent, output_tokens=max_tokens)
