"""A cursor over the words of a text."""

from __future__ import annotations

import re
from collections.abc import Iterable


class Cursor:
    """The words of a text, and how many of them are read.

    Args:
        text: with single blanks.  Commas at the ends of words are dropped; an ISO date and its time are two
            words, whether a ``T`` or a blank is between them.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        apart = re.sub(r"(?<![\w-])(\d{4}-\d\d-\d\d)[Tt](?=\d)", r"\1 ", text)
        self._raw = [word for word in (each.rstrip(",") for each in apart.split()) if word]
        self._words = [word.lower() for word in self._raw]
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Whether all words are read."""
        return self._at >= len(self._words)

    @property
    def word(self) -> str:
        """The next word in lower case; empty at the end."""
        return "" if self.at_end else self._words[self._at]

    @property
    def raw(self) -> str:
        """The next word as it was written; empty at the end."""
        return "" if self.at_end else self._raw[self._at]

    @property
    def following(self) -> str:
        """The word after the next one, in lower case; empty when there is none."""
        return self._words[self._at + 1] if self._at + 1 < len(self._words) else ""

    def has(self, word: str) -> bool:
        """Return whether a word is anywhere in the text."""
        return word in self._words

    def next_words(self, count: int) -> str:
        """Return the next words in lower case; empty when there are fewer."""
        end = self._at + count
        return " ".join(self._words[self._at : end]) if end <= len(self._words) else ""

    def skip(self, count: int = 1) -> None:
        """Count words as read."""
        self._at += count

    def take_one(self, words: Iterable[str]) -> str:
        """Read the next word if it is one of these; return it, or an empty text."""
        word = self.word
        if not word or word not in words:
            return ""
        self.skip()
        return word

    def take_phrase(self, phrases: Iterable[str]) -> str:
        """Read the next words if they are one of these phrases; return it, or an empty text."""
        for phrase in sorted(phrases, key=len, reverse=True):
            count = phrase.count(" ") + 1
            if self.next_words(count) == phrase:
                self.skip(count)
                return phrase
        return ""
