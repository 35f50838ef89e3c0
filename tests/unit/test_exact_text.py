"""What a person decides about is shown so that no two arguments read alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.trust.exact import exact_name, exact_text
from scheduler.doors.cli.text.wrap import BROKEN, broken, fold

ALIKE = [
    "rm -r build old",
    "rm -r build\u00a0old",
    "rm -r build\u3000old",
    "rm -r build\u2003old",
    "rm -r build  old",
    "rm -r build old ",
    " rm -r build old",
    "rm -r build\told",
    "rm -r build\nold",
    "rm -r build\u200bold",
    "rm -r build\u202eold",
    "rm -r build\\u00a0old",
    '"rm -r build old"',
    ["rm -r build old"],
    "[1, 2]",
    [1, 2],
    "1",
    1,
    "true",
    True,
    "",
    "null",
    None,
]


def test_what_differs_reads_differently() -> None:
    shown = [exact_text(value) for value in ALIKE]
    assert len(set(shown)) == len(ALIKE)
    assert all(text.isprintable() and text == text.strip(" ") for text in shown)


@pytest.mark.parametrize("text", ["ls -l", "https://example.org/a?b=c", "Grüße an Ada", "{not json}"])
def test_an_ordinary_text_stands_as_it_is(text: str) -> None:
    assert exact_text(text) == text
    assert exact_text(text, quoted=True) == json.dumps(text, ensure_ascii=False)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@settings(deadline=None)
@given(JSON, JSON)
def test_equal_texts_come_of_equal_values_only(one: Any, other: Any) -> None:
    if exact_text(one) == exact_text(other):
        assert json.dumps(one) == json.dumps(other)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("to", "to"), ("a: b", '"a: b"'), ("a\nb", '"a\\nb"'), ("a\u00a0b", '"a\\u00a0b"'), ("", '""')],
)
def test_a_name_does_not_run_into_what_stands_next_to_it(name: str, shown: str) -> None:
    assert exact_name(name) == shown


@given(st.text(st.characters(exclude_categories=["C", "Z", "M"], include_characters=" "), max_size=200))
def test_broken_lines_are_put_together_again_exactly(text: str) -> None:
    lines = broken(text, width=20, indent="  ")
    assert all(line.endswith(BROKEN) for line in lines[:-1])
    parts = [
        line.removesuffix(BROKEN) if number < len(lines) - 1 else line for number, line in enumerate(lines)
    ]
    joined = parts[0] + "".join(part[2:] for part in parts[1:])
    assert joined == text


def test_a_long_word_is_folded_in_one_pass() -> None:
    word = "ü" * 5_000
    assert "".join(fold(word)) == word
