"""Sets of run states are spelt once, in ``core/run/run.py``: others import them, SQL is made from them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import CheckConstraint

from scheduler.adapters.sql.states import sources, states
from scheduler.adapters.sql.tables.work import runs
from scheduler.core.run.run import ACTIVE, BLOCKED, FINAL, LIVE, RESTING, RESUMABLE, Move, State
from tests.house.tree import parsed, python_files

NAMED = {
    "LIVE": LIVE,
    "FINAL": FINAL,
    "RESTING": RESTING,
    "BLOCKED": BLOCKED,
    "ACTIVE": ACTIVE,
    "RESUMABLE": RESUMABLE,
}
NAMES = frozenset(map(str, State))
IN_SQL = re.compile(r"\bIN \(([^)]*)\)")
FILES = [name for name in python_files("scheduler") if name != "scheduler/core/run/run.py"]


def spelt_out(tree: ast.Module) -> Iterator[str]:
    """Yield the places where a set that has a name is written out, in Python or in SQL."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            found = {_state(each) for each in node.elts}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for match in IN_SQL.finditer(node.value):
                yield from _named(node, {each.strip(" '") for each in match[1].split(",")})
            continue
        else:
            continue
        yield from _named(node, found)


def _state(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "State":
        return node.attr.lower()
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _named(node: ast.expr, found: set[str]) -> Iterator[str]:
    yield from (f"line {node.lineno}: {name}" for name, each in NAMED.items() if found == set(map(str, each)))


@pytest.mark.parametrize("name", [name for name in FILES if "/migrations/" not in name])
def test_no_named_set_is_written_out(name: str) -> None:
    assert not list(spelt_out(parsed(name))), "import it from core/run/run.py"


@pytest.mark.parametrize(
    "line",
    [
        "run.state in (State.SLEEPING, State.PARKED, State.RETRYING)",
        "frozenset({State.RUNNING, State.QUEUED})",
        '["failed", "cancelled"]',
        "\"SELECT 1 FROM runs WHERE state IN ('queued', 'running', 'sleeping', 'parked', 'retrying')\"",
    ],
)
def test_a_set_that_is_written_out_would_be_found(line: str) -> None:
    assert list(spelt_out(ast.parse(line)))


def test_resting_is_what_a_wake_up_ends_and_resumable_what_a_person_retries() -> None:
    assert states(RESTING) == sources(Move.WAKE)
    assert states(RESUMABLE) == sources(Move.RETRY)
    assert RESUMABLE < FINAL
    assert BLOCKED < RESTING < LIVE
    assert {State.QUEUED, State.RUNNING} == ACTIVE


def test_the_predicates_of_indexes_are_those_of_the_moves() -> None:
    predicates = {
        str(index.name): str(index.dialect_options["sqlite"]["where"])
        for index in runs.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }
    assert predicates["runs_queued"] == sources(Move.CLAIM)
    assert predicates["runs_held"].startswith(f"{sources(Move.CLAIM)} AND ")
    assert predicates["runs_lease"] == sources(Move.RESCUE)
    others = {name: where for name, where in predicates.items() if "state" in where}
    assert set(others) == {"runs_queued", "runs_held", "runs_lease"}, "compare the new one, too"


def test_the_checks_of_the_table_know_all_states_and_no_other() -> None:
    checks = {
        str(each.name): str(each.sqltext) for each in runs.constraints if isinstance(each, CheckConstraint)
    }
    assert set(re.findall(r"'(\w+)'", checks["runs_state_known"])) == NAMES
    assert checks["runs_running_is_leased"].startswith(f"state <> '{State.RUNNING}' OR ")
