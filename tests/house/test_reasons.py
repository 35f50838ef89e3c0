"""Reason codes are spelt once: nowhere else in ``scheduler/`` is one written out as a bare string."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.retry import TRANSIENT
from tests.house.tree import ROOT, parsed, python_files

CODES = frozenset(map(str, ReasonCode))
FIELDS = frozenset({"reason_code", "code"})
TAKE_A_CODE = frozenset({"Park", "Fail", "BackOff", "Fire", "backed_off", "_back_off", "_fail"})
IN_SQL = re.compile(r"reason_code\s*(=|<>|!=|IN)\s*\(?\s*'\w")

FILES = [name for name in python_files("scheduler") if "/migrations/" not in name]


def spelt_out(tree: ast.Module) -> Iterator[str]:
    """Yield the places where a known code is a bare string, and means a reason."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(_is_field(side) for side in (node.left, *node.comparators)):
            values: list[ast.expr] = [node.left, *node.comparators]
        elif isinstance(node, ast.Match) and _is_field(node.subject):
            values = [each.value for each in ast.walk(node) if isinstance(each, ast.MatchValue)]
        elif isinstance(node, ast.Call):
            values = [word.value for word in node.keywords if word.arg in FIELDS]
            if _name(node.func) in TAKE_A_CODE:
                values += node.args
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            values = [value for key, value in pairs if isinstance(key, ast.Constant) and key.value in FIELDS]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and IN_SQL.search(node.value):
            yield f"line {node.lineno}: {node.value}"
            continue
        else:
            continue
        yield from (f"line {node.lineno}: {code}" for value in values for code in _codes(value))


def _is_field(node: ast.expr) -> bool:
    return _name(node) in FIELDS


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _codes(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Tuple | ast.Set | ast.List):
        for each in node.elts:
            yield from _codes(each)
    elif isinstance(node, ast.Constant) and node.value in CODES:
        yield node.value


@pytest.mark.parametrize("name", FILES)
def test_no_code_is_a_bare_string(name: str) -> None:
    assert not list(spelt_out(parsed(name))), "use ReasonCode"


@pytest.mark.parametrize(
    "line",
    [
        'run.reason_code == "approval"',
        'code in ("budget", "budget-day")',
        'Park("log", why)',
        'Step(reason_code="gate")',
        'values = {"code": "restored"}',
        'match run.reason_code:\n    case "budget":\n        pass',
        "SQL = \"UPDATE runs SET reason_code = 'crashed'\"",
    ],
)
def test_a_bare_string_would_be_found(line: str) -> None:
    assert list(spelt_out(ast.parse(line)))


def test_every_code_is_used() -> None:
    used = {
        node.attr
        for name in FILES
        if not name.endswith(("core/run/reasons.py", "core/job/reason_code.py"))
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.Attribute) and _name(node.value) == "ReasonCode"
    }
    # A fault that passes is itself the code of the run that waits for that.
    assert {code.name for code in ReasonCode if code not in TRANSIENT} == used


def test_the_howto_on_budgets_names_the_codes_of_caps() -> None:
    text = (ROOT / "docs/howto/budgets.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:budget|effects|wakes)(?:-[a-z-]+)?)`", text))
    assert named >= {code for code in CODES if re.match("budget|effects|wakes", code)}
    assert {code for code in named if "-" in code} <= CODES
