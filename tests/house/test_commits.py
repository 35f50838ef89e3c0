"""Commits keep the form that CONTRIBUTING.md asks for."""

from __future__ import annotations

import re

import pytest

from tests.house.tree import ROOT
from tests.kit.history import Commit, commits_under_rules

LONGEST_SUBJECT = 72
LINES_WITHOUT_BODY = 20
AREA = re.compile(r"[a-z0-9][a-z0-9/_-]*: \S")


def faults(commit: Commit) -> list[str]:
    """Return what is wrong with a commit's message; that of a merge needs no area and no body."""
    found = []
    if len(commit.subject) > LONGEST_SUBJECT:
        found.append(f"the subject has {len(commit.subject)} characters; shorten it to {LONGEST_SUBJECT}")
    if ";" in commit.subject:
        found.append("the subject has a `;`; one commit makes one change")
    if commit.merge:
        return found
    if AREA.match(commit.subject) is None:
        found.append("the subject has no area in front, such as `store: `")
    if commit.lines > LINES_WITHOUT_BODY and not commit.body:
        found.append(f"{commit.lines} lines are changed without a body that says why")
    return found


def made(message: str, *, lines: int = 0, parents: int = 1) -> Commit:
    return Commit("0" * 40, tuple("12"[:parents]), message, lines)


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        ("store: " + 65 * "x", 20),
        ("tests/kit: say why\n\nSmall; and clear.", 21),
        ("ci-2_a: x", 0),
        ("docs: say why\n\nA body.\n\nKind: capability", 900),
    ],
)
def test_a_right_commit_has_no_fault(message: str, lines: int) -> None:
    assert faults(made(message, lines=lines)) == []


@pytest.mark.parametrize(
    ("message", "lines", "fault"),
    [
        ("store: " + 66 * "x", 0, "the subject has 73 characters; shorten it to 72"),
        ("store: one; two", 0, "the subject has a `;`; one commit makes one change"),
        ("Say why", 0, "the subject has no area in front, such as `store: `"),
        ("Store: say why", 0, "the subject has no area in front, such as `store: `"),
        ("store:say why", 0, "the subject has no area in front, such as `store: `"),
        ("the store: say why", 0, "the subject has no area in front, such as `store: `"),
        ("store: say why", 21, "21 lines are changed without a body that says why"),
        ("store: say why\n\nKind: capability", 21, "21 lines are changed without a body that says why"),
    ],
)
def test_each_fault_of_a_commit_is_found(message: str, lines: int, fault: str) -> None:
    assert faults(made(message, lines=lines)) == [fault]


def test_a_merge_is_looked_at_for_length_and_semicolons_alone() -> None:
    assert faults(made("Merge issue 8: wings", parents=2)) == []
    assert faults(made(f"Merge {67 * 'x'};", parents=2)) == [
        "the subject has 74 characters; shorten it to 72",
        "the subject has a `;`; one commit makes one change",
    ]


def test_our_commits_have_no_fault() -> None:
    found = {f"{commit.hash[:12]} {commit.subject!r}": faults(commit) for commit in commits_under_rules(ROOT)}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}, "reword them: git rebase -i"
