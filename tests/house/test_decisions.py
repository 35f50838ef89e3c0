"""Each decision in ``docs/why/`` has one page with its number, context, choice and price."""

from __future__ import annotations

import pytest

from tests.house.decisions import NEVER_GIVEN, decisions, faults


def page(number: int, body: str = "*Context.* A.\n\n*Choice.* B.\n\n*Price.* C.") -> str:
    return f"# {number}. A title\n\n{body}\n"


def test_the_decisions_keep_the_rules() -> None:
    pages = decisions()
    assert len(pages) >= 59
    assert faults(pages) == []


def test_right_pages_have_no_fault() -> None:
    repeated = "*Context.* A.\n\n*Choice.* B.\n\n*Found by it.* C.\n\n*Choice.* D.\n\n*Price.* E."
    assert faults({"001-one.md": page(1), "002-a-second-1.md": page(2, repeated)}) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("1-one.md", page(1), "the name is not NNN-short-title.md"),
        ("001-One.md", page(1), "the name is not NNN-short-title.md"),
        ("001-one_two.md", page(1), "the name is not NNN-short-title.md"),
        ("001-one.md", page(2), "the heading says 2"),
        ("001-one.md", "A title\n", "the first line is 'A title', not '# N. Title'"),
        ("001-one.md", "## 1. A title\n", "the first line is '## 1. A title', not '# N. Title'"),
        ("001-one.md", page(1) + "Text. ## 2. Swallowed\n", "a second decision is in the text"),
        ("001-one.md", page(1, "*Choice.* B.\n\n*Price.* C."), "no paragraph *Context.*"),
        ("001-one.md", page(1, "*Context.* A.\n\n*Price.* C."), "no paragraph *Choice.*"),
        ("001-one.md", page(1, "*Context.* A.\n\n*Choice.* B.\n*Price.* C."), "no paragraph *Price.*"),
        (
            "001-one.md",
            page(1, "*Choice.* B.\n\n*Context.* A.\n\n*Price.* C."),
            "the order is not Context, Choice, Price",
        ),
    ],
)
def test_a_page_with_a_fault_is_found(name: str, text: str, fault: str) -> None:
    assert f"{name}: {fault}" in faults({name: text})


def test_a_number_is_given_once() -> None:
    assert faults({"001-a.md": page(1), "001-b.md": page(1)}) == ["001-b.md: 001-a.md has the number 1, too"]


def test_a_gap_needs_a_reason() -> None:
    gap = min(NEVER_GIVEN)
    names = {f"{number:03}-a.md": page(number) for number in range(1, gap + 2) if number != gap}
    assert faults(names) == []
    assert faults(names | {f"{gap:03}-a.md": page(gap)}) == [
        f"{gap:03}-a.md: {gap} is never given ({NEVER_GIVEN[gap]})"
    ]
    del names["002-a.md"]
    assert faults(names) == ["2 is missing: a decision stays, and gaps are explained in NEVER_GIVEN"]
