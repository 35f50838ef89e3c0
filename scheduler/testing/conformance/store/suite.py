"""The suite: what a database must hold to, to be one that agentcron can work with.

::

    class TestMyDatabase(StoreConformance):
        def make_database(self, folder: Path) -> Database:
            return MyDatabase(...)

pytest then runs every check against an empty database of its own.  Without pytest,
``check_store(MyDatabase, folder)`` does the same.  A check opens several stores on one database, as several
processes would.  What backups and restores do is a matter of each kind of database, and is not checked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scheduler.ports.store.database import Database
from scheduler.testing.conformance.store.claims import ClaimChecks
from scheduler.testing.conformance.store.jobs import JobChecks
from scheduler.testing.conformance.store.messages import MessageChecks
from scheduler.testing.conformance.store.people import PeopleChecks
from scheduler.testing.conformance.store.steps import StepChecks
from scheduler.testing.conformance.store.whole import WholeChecks


class StoreConformance(JobChecks, ClaimChecks, StepChecks, PeopleChecks, MessageChecks, WholeChecks):
    """All checks; a subclass says what is checked."""


CHECKS = tuple(name for name in dir(StoreConformance) if name.startswith("test_"))
"""The names of the checks."""


def check_store(make_database: Callable[[Path], Database], folder: Path) -> None:
    """Run all checks, each in an empty folder below ``folder``.

    Raises:
        AssertionError: the store does not hold to one of them.
    """
    suite = type("Suite", (StoreConformance,), {"make_database": lambda _, folder: make_database(folder)})()
    for name in CHECKS:
        (folder / name).mkdir(parents=True)
        getattr(suite, name)(folder / name)
