"""The provider of Claude: its key, its prices, and its names of models."""

from __future__ import annotations

import os

from scheduler.adapters.anthropic.key import api_key
from scheduler.core.run.conversation import Usage
from scheduler.errors import CannotWorkError, ConfigError
from scheduler.ports.model import Model

BASE_URL = "ANTHROPIC_BASE_URL"

PRICED = frozenset({"claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"})
"""Models with a known price: the table of prices takes 0.2 s to load."""


class AnthropicProvider:
    """Use the Messages API of Anthropic, or of a gateway at ``ANTHROPIC_BASE_URL``."""

    name = "anthropic"
    models = "claude-..."

    def owns(self, model: str) -> bool:
        """Whether the name is one of Claude's; a gateway may serve any name without a provider's prefix."""
        return ":" not in model and ("claude" in model or bool(os.environ.get(BASE_URL)))

    def open(self, model: str) -> Model:  # noqa: ARG002  (one client sends the requests of all)
        """Return a client.

        Raises:
            CannotWorkError: there is no key.
        """
        from scheduler.adapters.anthropic.model import AnthropicModel

        return AnthropicModel()

    def preload(self) -> None:
        """Import the SDK, which takes a second of CPU, and the table of prices."""
        from scheduler.adapters.anthropic.model import import_sdk
        from scheduler.adapters.anthropic.prices import price_microusd

        import_sdk()
        price_microusd(next(iter(PRICED)), Usage(input_tokens=1))

    def price(self, model: str, usage: Usage) -> int | None:
        """Return the cost of these tokens in millionths of a dollar; None if the price is unknown."""
        if model in PRICED and usage == Usage():
            return 0
        from scheduler.adapters.anthropic.prices import price_microusd

        return price_microusd(model, usage)

    def problem(self, model: str) -> ConfigError | CannotWorkError | None:  # noqa: ARG002
        """Return what is wrong with the key, or None."""
        try:
            api_key()
        except CannotWorkError as error:
            return error
        return None


ANTHROPIC = AnthropicProvider()
