"""Build the parameters of a request: the stored conversation unchanged, with markers for the prompt cache."""

from __future__ import annotations

from typing import Any

from scheduler.adapters.anthropic.answer import COMPACTION
from scheduler.ports.model import Ask

_CACHED = {"type": "ephemeral"}

COMPACT_BETA = "compact-2026-09-04"
"""The API requires this header to request a summary, and to send one back."""


def params_of(ask: Ask) -> dict[str, Any]:
    """Return the body of the request.

    With the top-level ``cache_control`` the API puts its marker on the last block by itself, so messages are
    sent exactly as they are stored.  The marker on the system prompt also covers the tools (which come
    before it) and serves other runs of the same job.  A compaction has the same parameters, so that it reads
    everything from the cache that the previous request has written.
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
    """Whether the request needs the beta API: it requests a summary, or begins with one."""
    first = ask.messages[0]["content"][0]
    return ask.compact or bool(first["type"] == COMPACTION)
