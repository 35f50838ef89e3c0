"""A registry: things by name, the built-in ones first, then those of plug-ins.

The core does not look for plug-ins; the caller passes in a way to find them.
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
        """Return the thing of this name, importing it on first use; None if there is none.

        Raises:
            ConfigError: it is provided twice, or cannot be used.
        """


class Registry(Generic[T]):
    """Named things of one sort; a plug-in cannot replace a built-in one."""

    def __init__(self, built_in: Mapping[str, T], plug_ins: PlugIns[T] | None = None) -> None:
        self.built_in = built_in
        self._plug_ins = plug_ins

    def get(self, name: str) -> T | None:
        """Return the thing of this name, or None.  Plug-ins are queried only for names that are not built in.

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
