"""Estimate the size of the next request in tokens before it is sent; an overestimate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Usage

BYTES_PER_TOKEN = 3
"""Fewer than in most texts, so that the estimate is too high rather than too low."""

PICTURE_TOKENS = 2_000


def guessed_tokens(value: Any) -> int:
    """Return an upper estimate of the tokens of a part of a request, from its size."""
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
    """Return the most tokens that the next request can have.

    The API has counted what was sent before; only newer messages are estimated.  The prompt cache may be
    empty by then, and cache writes are the most expensive tokens.
    """
    if checkpoint.window_tokens:
        answer = next((n for n, m in enumerate(reversed(checkpoint.messages)) if m.role == "assistant"), 0)
        fresh = checkpoint.messages[len(checkpoint.messages) - answer - 1 :]
        sent = checkpoint.window_tokens + sum(guessed_tokens(message.content) for message in fresh)
    else:
        assert checkpoint.frame is not None, "the first step pins the frame"
        # The tools are the same in every run and contain no images: their length is enough.
        sent = guessed_tokens(checkpoint.frame.system) + guessed_tokens(json.dumps(checkpoint.frame.tools))
        sent += guessed_tokens(checkpoint.summary or "") + sum(
            guessed_tokens(m.content) for m in checkpoint.messages
        )
    return Usage(cache_write_tokens=sent, output_tokens=max_tokens)
