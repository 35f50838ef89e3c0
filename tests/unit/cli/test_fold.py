"""Folding: text of any origin in lines that fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.text.safe import cells, safe_text
from scheduler.doors.cli.text.wrap import cut, fold


@given(st.text(max_size=300), st.integers(20, 80))
def test_no_line_is_wider_and_nothing_is_raw(text: str, width: int) -> None:
    for line in fold(text, width=width, first="  > ", indent="    "):
        assert cells(line) <= width
        assert safe_text(line) == line


@given(st.text(max_size=300), st.integers(8, 80))
def test_a_cut_text_fits_on_one_line(text: str, width: int) -> None:
    short = cut(text, width)
    assert cells(short) <= width
    assert "\n" not in short
    assert safe_text(short) == short


def test_words_stay_whole_and_lines_keep_their_ends() -> None:
    assert fold("one two three\nfour", width=9) == ["one two", "three", "four"]
    assert fold("x" * 25, width=10) == ["x" * 10, "x" * 10, "x" * 5]
