"""What all suites are made of: an assertion, a wait, and all checks of a suite without pytest."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any


def must(holds: bool, otherwise: str) -> None:
    """Raise AssertionError with a sentence unless something holds; ``assert`` can be switched off."""
    if not holds:
        raise AssertionError(otherwise)


async def until(look: Callable[[], bool], what: Callable[[], str] | str, seconds: float) -> None:
    """Wait in real time until ``look`` is true: what is looked at may be another process.

    Raises:
        AssertionError: it was not, in so many seconds.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not look():  # noqa: ASYNC110  (another process tells nobody)
                await asyncio.sleep(0.01)
    must(look(), f"waited {seconds:g} s for this: {what if isinstance(what, str) else what()}")


def run_all(conformance: type, make_case: Callable[[Path], Any], folder: Path) -> None:
    """Run all checks of a suite, each in an empty folder below ``folder``."""
    suite = type("Suite", (conformance,), {"make_case": lambda _, folder: make_case(folder)})()
    for name in (name for name in vars(conformance) if name.startswith("test_")):
        (folder / name).mkdir(parents=True)
        getattr(suite, name)(folder / name)
