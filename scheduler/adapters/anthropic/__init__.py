"""Claude, through the Messages API.  The SDK takes seconds to import: only the first request does it."""

from __future__ import annotations

from scheduler.adapters.anthropic.model import AnthropicModel

__all__ = ["AnthropicModel"]
