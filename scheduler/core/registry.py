"""A registry: what is known by name.  First what is built in, then what plug-ins provide.

The core finds no plug-ins; whoever is above it passes in how.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class PlugIns(Protocol[T_co]):
    """What installed plug-ins provide for one registry."""

    def names(self) -> Sequence[str]:
        """Return all names, sorted, without importing any plug-in."""

    def load(self, name: str) -> T_co | None:
        """Return what has this name, importing it on first use; None when nothing has.

        Raises:
            ConfigError: it is provided twice, or cannot be used.
        """


class Registry(Generic[T]):
    """Named things of one sort; nothing that a plug-in provides takes the place of what is built in."""

    def __init__(self, built_in: Mapping[str, T], plug_ins: PlugIns[T] | None = None) -> None:
        self.built_in = built_in
        self._plug_ins = plug_ins

    def get(self, name: str) -> T | None:
        """Return what has this name, or None.  Plug-ins are asked only for names that are not built in.

        Raises:
            ConfigError: a plug-in that provides it cannot be used.
        """
        found = self.built_in.get(name)
        if found is not None or self._plug_ins is None:
            return found
        return self._plug_ins.load(name)

    def names(self) -> tuple[str, ...]:
        """Return all names: the built-in ones in their order, then those of plug-ins."""
        further = () if self._plug_ins is None else self._plug_ins.names()
        return (*self.built_in, *(name for name in further if name not in self.built_in))
