"""What the scanner reads by one pattern it would read the same piece by piece."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scheduler.core.crontab import scan as scanner

NEVER = re.compile(r"(?!)")

ALPHABET = "ab Z09\t=\"'\\@#*/-._:,“”«n\u2028\r"


@given(st.text(alphabet=ALPHABET, max_size=40))
@example('*/5 * * * *  name  "say \\"hi\\""  tz=UTC model=a=b')
@example("@daily name @jobs/a.md x=\"b c\" y= z='q' # comment")
@example('a "b"c d"e" "f')
@example('a=@b @c @ @"d" =e f/g=h')
def test_a_line_is_read_alike_with_and_without_the_pattern(text: str) -> None:
    fast = scanner.scan(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "_PLAIN", NEVER)
        slow = scanner.scan(text)
    assert fast == slow


def test_an_ordinary_line_is_read_by_the_pattern_alone() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(scanner._Scanner, "_token")
        tokens, flaws = scanner.scan('0 9 * * 1-5  morning  "Say hello"  tz=Europe/Berlin')
    assert [token.kind for token in tokens] == [*["word"] * 6, "string", "option"]
    assert not flaws
