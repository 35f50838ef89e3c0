"""The page of threats names tests that exist, and every injection has its threat there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.tree import ROOT, parsed
from tests.kit.injections import injections

PAGE = (ROOT / "docs" / "threats.md").read_text(encoding="utf-8")
HERE = "tests/integration/test_injections.py"
ROWS = dict(re.findall(r"^\| (T\d+) \|(.*)\|$", PAGE, re.MULTILINE))
NAMED = re.findall(r"`(?:(tests/[a-z0-9_/]+\.py)::)?(test_\w+)`", PAGE)


def test_the_page_has_a_row_for_every_threat() -> None:
    not_ours = {7, 12, 16}
    assert list(ROWS) == [f"T{number}" for number in range(1, 32) if number not in not_ours]
    assert {each.threat for each in injections()} <= set(ROWS)


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_the_page_names_exists(file: str, name: str) -> None:
    found = {
        node.name
        for node in ast.walk(parsed(file or HERE))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert name in found


def test_what_has_no_test_says_why() -> None:
    untested = {threat for threat, row in ROWS.items() if row.rstrip().endswith("| -")}
    assert untested == {"T5", "T15", "T24"}, "doors, webhooks and workers come later"
