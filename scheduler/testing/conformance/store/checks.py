"""How a check of a store becomes a test, and what checks fail with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from scheduler.errors import AgentcronError
from scheduler.ports.store.database import Database
from scheduler.testing.conformance.store.bench import Bench, open_bench

E = TypeVar("E", bound=Exception)
T = TypeVar("T")


class StoreChecks:
    """Checks of one role; the suite is the sum of them."""

    def make_database(self, folder: Path) -> Database:
        """Return an empty database, which may use ``folder``."""
        raise NotImplementedError


def on_a_bench(check: Callable[[Any, Bench], Coroutine[Any, Any, None]]) -> Callable[[Any, Path], None]:
    """Make a test of a check: it gets a bench on an empty database of its own."""

    def test(self: StoreChecks, tmp_path: Path) -> None:
        async def run() -> None:
            async with open_bench(self.make_database(tmp_path)) as bench:
                try:
                    await check(self, bench)
                except AgentcronError as error:
                    raise AssertionError(f"a call that is right was refused: {error}") from error

        asyncio.run(run())

    # Not `functools.wraps`: pytest would take the arguments of the check for fixtures.
    test.__name__, test.__qualname__, test.__doc__ = check.__name__, check.__qualname__, check.__doc__
    return test


def must(holds: bool, otherwise: str) -> None:
    """Fail with a sentence that says what is wrong."""
    if not holds:
        raise AssertionError(otherwise)


def one(found: Sequence[T], what: str) -> T:
    """Return what there must be exactly one of."""
    must(len(found) == 1, f"there should be one {what}, and there are {len(found)}: {found}")
    return found[0]


async def must_raise(kind: type[E], call: Awaitable[object], otherwise: str) -> E:
    """Return the error that a call raises."""
    try:
        await call
    except kind as error:
        return error
    raise AssertionError(otherwise)
