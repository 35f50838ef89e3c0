"""Safe text: nothing that steers or deceives a terminal gets through."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.text.safe import cells, safe_text


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain text, 100 %", "plain text, 100 %"),
        ("Grüße, 東京, 🙂", "Grüße, 東京, 🙂"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]52;c;aGk=\x07", r"\x1b]52;c;aGk=\x07"),
        ("a\x7fb\x9bc", r"a\x7fb\x9bc"),
        ("user\u202etxt.exe", r"user\u202etxt.exe"),
        ("pass\u200bword", r"pass\u200bword"),
        ("\ufeffstart", r"\ufeffstart"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("lone \ud800", r"lone \ud800"),
        ("line\u2028break", r"line\u2028break"),
        ("blank\u3164name", r"blank\u3164name"),
        ("two\nlines\tand\rmore\x00", r"two\nlines\tand\rmore\x00"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert safe_text(text) == shown


def test_multiline_keeps_line_feeds_and_tabs_only() -> None:
    assert safe_text("a\n\tb\r\n\x1b", multiline=True) == "a\n\tb\\r\n\\x1b"


@given(st.text(alphabet=st.characters(), max_size=50), st.booleans())
def test_no_unsafe_character_survives_and_a_second_pass_changes_nothing(text: str, multiline: bool) -> None:
    shown = safe_text(text, multiline=multiline)
    kept = "\n\t" if multiline else ""
    assert not [
        c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in kept
    ]
    assert safe_text(shown, multiline=multiline) == shown
    shown.encode("utf-8")


@pytest.mark.parametrize("text, width", [("abc", 3), ("東京", 4), ("e\u0301", 1), ("ｘ", 2), ("", 0)])
def test_cells(text: str, width: int) -> None:
    assert cells(text) == width
