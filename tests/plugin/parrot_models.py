"""A plug-in for tests: a provider whose models repeat what they are told."""

from __future__ import annotations

from collections.abc import Callable

from scheduler.core.run.conversation import Usage
from scheduler.errors import CannotWorkError, ConfigError
from scheduler.ports.model import Ask, Model, Reply

PRICE = 1_000


class Parrot:
    """Ends its run with the last line of the first message."""

    async def ask(self, ask: Ask, *, on_text: Callable[[str], None] | None = None) -> Reply:
        """Return a call of ``finish``; a parrot sums nothing up."""
        if ask.compact:
            return Reply((), "end_turn", Usage(input_tokens=10), "parrot-1", PRICE)
        if on_text:
            on_text("Squawk.")
        first = ask.messages[0]["content"]
        text = first if isinstance(first, str) else first[-1]["text"]
        summary = f"{ask.model} says: {text.strip().splitlines()[-1]}"
        call_id = f"toolu_parrot_{len(ask.messages)}"
        call = {"type": "tool_use", "id": call_id, "name": "finish", "input": {"summary": summary}}
        said = {"type": "text", "text": "Squawk."}
        return Reply((said, call), "tool_use", Usage(input_tokens=10), "parrot-1", PRICE)

    async def close(self) -> None:
        """Do nothing: there is no connection."""


class ParrotProvider:
    """Knows the models ``parrot:grey`` and ``parrot:macaw``; the macaw has lost its voice."""

    name = "parrot"
    models = "parrot:grey, parrot:macaw"

    def owns(self, model: str) -> bool:
        """Whether it is a parrot."""
        return model.startswith("parrot:")

    def open(self, model: str) -> Model:
        """Return a parrot."""
        if problem := self.problem(model):
            raise problem
        return Parrot()

    def price(self, model: str, usage: Usage) -> int | None:
        """Return a price for each request of the grey one, whatever its length, and none for others."""
        return PRICE if model == "parrot:grey" and usage.tokens >= 0 else None

    def problem(self, model: str) -> ConfigError | CannotWorkError | None:
        """Return why a parrot is silent."""
        if model == "parrot:grey":
            return None
        if model == "parrot:macaw":
            return CannotWorkError("the macaw has lost its voice", help="give it a nut")
        return ConfigError(f"{model} is no parrot", help="there are parrot:grey and parrot:macaw")


PARROT = ParrotProvider()
