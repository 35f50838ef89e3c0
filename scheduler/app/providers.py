"""Find providers of models: entry points of the group ``agentcron.models``, including the built-in ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduler.core.run.conversation import Usage
from scheduler.core.text.english import listed
from scheduler.errors import ConfigError
from scheduler.host.plug_ins import Group, require_name, require_object
from scheduler.ports.model import Model
from scheduler.ports.provider import Provider

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "agentcron.models"

_METHODS = ("owns", "open", "price", "problem")


def find_provider(model: str) -> Provider:
    """Return the provider of a model.

    A name with a prefix (``rehearsal:nap.jsonl``) imports only that provider; for other names all are
    imported, and one that cannot be loaded does not affect models of others.

    Raises:
        ConfigError: no provider owns the model, several do, or the one of its prefix cannot be used.
    """
    # A new group each time: a plug-in that is installed while a daemon runs is found at the next attempt.
    group = Group(GROUP, "provider", _checked)
    names = group.names()
    prefix, colon, _ = model.partition(":")
    asked = [prefix] if colon and prefix in names else names
    loaded: list[Provider] = []
    broken: list[str] = []
    for name in asked:
        try:
            loaded.append(group.get(name))
        except ConfigError as error:
            if asked == [prefix]:
                raise
            broken.append(error.message)
    owners = [provider for provider in loaded if provider.owns(model)]
    if len(owners) == 1:
        return owners[0]
    if owners:
        names_of = listed([provider.name for provider in owners])
        raise ConfigError(f"the model {model} belongs to several providers: {names_of}", help="uninstall one")
    known = "; ".join(f"{provider.models} ({provider.name})" for provider in loaded)
    raise ConfigError(
        "; ".join([f"no provider has a model called {model}", *broken]), help=f"there are: {known}"
    )


def _checked(point: EntryPoint, found: object) -> Provider:
    provider: Provider = require_object(found, "provider", _METHODS, "name, models")
    require_name(point, provider.name)
    return provider


class Models:
    """The models of this process: each found and opened on first use."""

    def __init__(self) -> None:
        self._providers: dict[str, Provider] = {}
        self._open: dict[str, Model] = {}

    def __call__(self, name: str) -> Model:
        """Return the model called ``name``.

        Raises:
            CannotWorkError: it is not available, for example without a key.
            ConfigError: as for ``find_provider``.
        """
        if name not in self._open:
            self._open[name] = self._provider(name).open(name)
        return self._open[name]

    def price(self, name: str, usage: Usage) -> int | None:
        """Return the cost of these tokens in millionths of a dollar; None: the price is unknown.

        Raises:
            ConfigError: as for ``find_provider``.
        """
        return self._provider(name).price(name, usage)

    async def close(self) -> None:
        """Close all opened models."""
        for model in self._open.values():
            await model.close()

    def _provider(self, name: str) -> Provider:
        # Cached, because each request needs its price, and finding a provider takes milliseconds.
        if name not in self._providers:
            self._providers[name] = find_provider(name)
        return self._providers[name]
