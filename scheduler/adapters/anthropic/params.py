"""Build the parameters of a request: the stored conversation unchanged, with markers for the prompt cache."""

from __future__ import annotations

from typing import Any

from scheduler.adapters.anthropic.answer import COMPACTION
from scheduler.ports.model import Ask

_CACHED = {"type": "ephemeral"}

COMPACT_BETA = "compact-2026-09-04"
"""The API wants this header where a summary is asked for, and wherever one is sent back."""


def params_of(ask: Ask) -> dict[str, Any]:
    """Return the body of the request.

    The top-level ``cache_control`` lets the API put its marker on the last block by itself, so messages are
    sent exactly as they are stored.  The marker on the system prompt covers the tools as well (they stand
    before it) and serves other runs of the same job.  A compaction has the same parameters, so that it reads
    from the cache all that the request before it has put there.
    """
    params: dict[str, Any] = {
        "model": ask.model,
        "max_tokens": ask.max_tokens,
        "messages": list(ask.messages),
        "cache_control": _CACHED,
    }
    if ask.tools:
        params["tools"] = list(ask.tools)
    if ask.system.strip():  # the API refuses an empty text block
        params["system"] = [{"type": "text", "text": ask.system, "cache_control": _CACHED}]
    if ask.compact:
        params["compaction"] = {"type": "summarize"}
    return params


def needs_beta(ask: Ask) -> bool:
    """Whether the request belongs to the beta API: it asks for a summary, or begins with one."""
    first = ask.messages[0]["content"][0]
    return ask.compact or bool(first["type"] == COMPACTION)
