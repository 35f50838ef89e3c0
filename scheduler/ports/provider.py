"""The provider port: models by name, with their keys and prices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

from scheduler.core.run.conversation import Usage
from scheduler.errors import CannotWorkError, ConfigError
from scheduler.ports.model import Model


class Provider(Protocol):
    """Provide models; ``name`` is that of its entry point in ``agentcron.models``.

    A model whose name begins with the provider's name and a colon (``rehearsal:nap.jsonl``) is looked up only
    there.  Importing the module of a provider imports no client: ``check`` does it for each crontab.
    """

    @property
    def name(self) -> str:
        """Its name in messages."""
        ...

    @property
    def models(self) -> str:
        """The pattern of its names of models, for messages: ``claude-...``."""
        ...

    def owns(self, model: str) -> bool:
        """Whether this provider has a model of this name."""
        ...

    def open(self, model: str) -> Model:
        """Return the model; called once for each model and process, and closed at the end.

        Raises:
            CannotWorkError: the model is not available, for example without a key.
        """
        ...

    def price(self, model: str, usage: Usage) -> int | None:
        """Return the cost of these tokens, in millionths of a dollar; None if the price is unknown."""
        ...

    def problem(self, model: str) -> ConfigError | CannotWorkError | None:
        """Return why the model cannot be used, or None; no request is sent.

        A ConfigError if the crontab is wrong (no such script), a CannotWorkError if something else is
        missing (no key).  Its help says what to do.
        """
        ...


@runtime_checkable
class PreloadingProvider(Provider, Protocol):
    """A provider whose first request has much to import."""

    def preload(self) -> None:
        """Import what the first request needs.

        A daemon calls it once, in a thread, while it is idle and an enabled job has a model of this provider
        that can be used.  Nothing is sent, and what it raises is logged and does no harm.
        """
        ...


FindProvider: TypeAlias = Callable[[str], Provider]
"""Return the provider of a model, by its name; raise ConfigError if there is none."""
