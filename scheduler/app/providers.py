"""Providers of models: entry points of the group ``agentcron.models``, the built-in ones too."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from scheduler.core.run.conversation import Usage
from scheduler.core.text.english import listed
from scheduler.errors import ConfigError
from scheduler.ports.model import Model
from scheduler.ports.provider import Provider

GROUP = "agentcron.models"

_METHODS = ("owns", "open", "price", "problem")


def find_provider(model: str) -> Provider:
    """Return the provider of a model.

    A name with a prefix (``rehearsal:nap.jsonl``) imports that provider alone; other names are asked for of
    all, and one that cannot be loaded stops no model that another one owns.

    Raises:
        ConfigError: no provider owns the model, several do, or the one of its prefix cannot be used.
    """
    # Not remembered: a plug-in that is installed while a daemon runs is found at the next attempt.
    names = entry_points(group=GROUP).names
    prefix, colon, _ = model.partition(":")
    asked = [prefix] if colon and prefix in names else sorted(names)
    loaded: list[Provider] = []
    broken: list[str] = []
    for name in asked:
        try:
            loaded.append(_load(name))
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


@cache
def _load(name: str) -> Provider:
    points = entry_points(group=GROUP, name=name)
    owners = sorted({point.dist.name if point.dist else "an unnamed distribution" for point in points})
    if len(owners) > 1:
        raise ConfigError(
            f"the provider {name} is provided by {' and by '.join(owners)}", help="uninstall one of them"
        )
    point = points[name]
    try:
        found = point.load()
    except Exception as error:  # a plug-in may raise anything at its import
        problem = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the provider {name} ({point.value}) cannot be loaded: {problem}") from error
    if isinstance(found, type) or not all(callable(getattr(found, method, None)) for method in _METHODS):
        raise ConfigError(
            f"the provider {name} ({point.value}) is not a provider but {found!r}",
            help=f"name an object with `name`, `models` and the methods {listed(_METHODS)}",
        )
    if found.name != name:
        raise ConfigError(f"the provider {name} ({point.value}) calls itself {found.name}")
    provider: Provider = found
    return provider


class Models:
    """The models of this process: each found and opened when first asked for."""

    def __init__(self) -> None:
        self._providers: dict[str, Provider] = {}
        self._open: dict[str, Model] = {}

    def __call__(self, name: str) -> Model:
        """Return the model that answers to ``name``.

        Raises:
            CannotWorkError: there is no way to it, such as no key.
            ConfigError: as for ``find_provider``.
        """
        if name not in self._open:
            self._open[name] = self._provider(name).open(name)
        return self._open[name]

    def price(self, name: str, usage: Usage) -> int | None:
        """Return what so many tokens cost in millionths of a dollar; None: the price is not known.

        Raises:
            ConfigError: as for ``find_provider``.
        """
        return self._provider(name).price(name, usage)

    async def close(self) -> None:
        """Close what was opened."""
        for model in self._open.values():
            await model.close()

    def _provider(self, name: str) -> Provider:
        # Kept, because a request asks for its price, and to find a provider takes milliseconds.
        if name not in self._providers:
            self._providers[name] = find_provider(name)
        return self._providers[name]
