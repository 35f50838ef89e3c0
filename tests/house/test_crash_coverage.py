"""Every write can be crashed at, and every crash point is."""

from __future__ import annotations

import ast
import inspect

from scheduler.adapters.sql import crash_points
from scheduler.adapters.sql.store import SqlStore
from scheduler.ports.store.store import Store
from tests.house.generate import WINDOWS
from tests.house.tree import ROOT, parsed, python_files

READS = {
    *("part", "follow_up_job"),
    *("used_today", "wakes_since"),
    *("standings", "wanted_events", "due_jobs", "checkpoint", "cancel_asked", "run"),
    *("next_due", "runners", "changes", "meta", "newest", "prunable"),
}
"""The methods of a store that change nothing."""

KILLER = "tests/integration/test_crash_points.py"


def methods() -> dict[str, ast.AsyncFunctionDef]:
    """Return the methods of the store on SQLite."""
    (store,) = (
        node
        for node in parsed("scheduler/adapters/sql/store.py").body
        if isinstance(node, ast.ClassDef) and node.name == SqlStore.__name__
    )
    return {node.name: node for node in store.body if isinstance(node, ast.AsyncFunctionDef)}


def points_of(method: ast.AsyncFunctionDef) -> list[str]:
    """Return the crash points that a method hands to ``_write``, as they are written."""
    return [
        ast.unparse(node.args[0])
        for node in ast.walk(method)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._write"
    ]


def literal_points() -> set[str]:
    """Return every crash point that the source names outright."""
    found = set()
    for name in python_files("scheduler"):
        for node in ast.walk(parsed(name)):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) != "crashpoint":
                continue
            if isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
    return found


def test_every_method_that_changes_something_has_a_crash_point() -> None:
    found = methods()
    promised = {
        name for name, _ in inspect.getmembers(Store, inspect.iscoroutinefunction) if not name.startswith("_")
    }
    assert promised <= set(found)
    for name in promised - READS - {"close", "reopen"}:
        (point,) = points_of(found[name])
        if point == "steps.crash_points_of(step)":
            continue
        assert getattr(crash_points, point.removeprefix("crash_points.")) in crash_points.UNIT_POINTS, name
    for name in READS:
        assert name in promised, f"{name} is no method any more"
        assert points_of(found[name]) == [], f"{name} writes"


def test_every_crash_point_is_killed_at() -> None:
    from tests.integration.test_crash_points import POINTS

    named = literal_points() | set(crash_points.CRASH_POINTS)
    assert named <= POINTS, f"{KILLER} does not kill at {sorted(named - POINTS)}"
    assert literal_points(), "the search itself works"


def test_every_window_is_a_crash_point_or_says_of_which_it_is_a_part() -> None:
    from tests.integration.test_crash_points import POINTS

    apart = {window for window in WINDOWS if window not in POINTS}
    assert apart <= {"W7", "W9"}, "W7 is part of W8; W9 is killed at inside a tool, as `effect`"


def test_the_killer_is_there() -> None:
    assert (ROOT / KILLER).is_file()
