"""Imports that can be broken off: hundreds of modules take seconds, and a stop must not wait for them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from threading import get_ident
from types import ModuleType


class ImportStoppedError(BaseException):
    """The import was broken off.  No Exception: packages catch those where a module of theirs is optional."""


class StoppableImports:
    """A block whose thread imports no further module after ``stop``.

    It is a finder in front of the others that finds nothing.  The import raises ImportStoppedError between
    two modules; those that were not complete are forgotten, so a later import begins them again.
    """

    def __init__(self) -> None:
        self._is_stopped = False
        self._thread = 0

    def stop(self) -> None:
        """Break off what the block imports.  May be called from any thread, before the block as well."""
        self._is_stopped = True

    def __enter__(self) -> None:
        """Begin the block, in the thread that will import."""
        self._thread = get_ident()
        sys.meta_path.insert(0, self)

    def __exit__(self, *_: object) -> None:
        """End the block."""
        sys.meta_path.remove(self)

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  (the signature of a finder)
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Return None, or raise ImportStoppedError."""
        if self._is_stopped and get_ident() == self._thread:
            raise ImportStoppedError(name)
        return None
