"""Did you mean."""

from __future__ import annotations

import pytest

from scheduler.core.text.suggest import did_you_mean, nearest

WORDS = ("overlap", "catchup", "max-steps", "MODEL")


@pytest.mark.parametrize(
    "word, found",
    [
        ("overlab", "overlap"),
        ("maxsteps", "max-steps"),
        ("modle", "MODEL"),
        ("zzz", None),
        ("", None),
        ("x" * 500, None),
    ],
)
def test_nearest(word: str, found: str | None) -> None:
    assert nearest(word, WORDS) == found
    assert did_you_mean(word, WORDS) == (f"did you mean {found}?" if found else "")
