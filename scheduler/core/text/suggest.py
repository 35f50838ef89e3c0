"""Find the nearest known word to a misspelt one, for "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# difflib's ratio; below it guesses are wrong more often than right.
_MIN_LIKENESS = 0.6

# The time of a ratio is quadratic, and long words are not typing errors.
_LONGEST_WORD = 100


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the most similar of ``choices`` to ``word``, or None; letter case is ignored."""
    if not word or len(word) > _LONGEST_WORD:
        return None
    by_folded: dict[str, str] = {}
    for choice in choices:
        by_folded.setdefault(choice.casefold(), choice)
    found = get_close_matches(word.casefold(), by_folded, n=1, cutoff=_MIN_LIKENESS)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return ``did you mean X?``, or an empty text if nothing is near."""
    near = nearest(word, choices)
    return f"did you mean {near}?" if near is not None else ""
