"""Imports that can be broken off: hundreds of modules take seconds, and a stop must not wait for them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType


class ImportStoppedError(BaseException):
    """The import was broken off.  No Exception: packages catch those where a module of theirs is optional."""


class _Gate:
    """A finder that finds nothing, and lets one thread import no further module after ``stop`` is set."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._thread = threading.get_ident()

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  (the signature of a finder)
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Return None, or raise ImportStoppedError."""
        if self._stop.is_set() and threading.get_ident() == self._thread:
            raise ImportStoppedError(name)
        return None


@contextmanager
def stoppable_imports(stop: threading.Event) -> Iterator[None]:
    """Break off what this thread imports in the block as soon as ``stop`` is set, between two modules.

    Raises:
        ImportStoppedError: from the import, in this thread.  Modules that were not complete are forgotten, so
            a later import begins them again.
    """
    gate = _Gate(stop)
    sys.meta_path.insert(0, gate)
    try:
        yield
    finally:
        sys.meta_path.remove(gate)
