r"""The scanner: a job line as words, strings and ``key=value`` options.

Quoting is specific to the crontab: ``"..."`` with ``\"``, ``\\`` and ``\n``.  Nothing is expanded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from scheduler.core.crontab.source import BLANKS

Kind = Literal["word", "string", "file", "option"]

_BLANKS = re.compile(r"[ \t]*")
_WORD = re.compile(r"[^ \t]+")
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n"}

# The most common tokens, with leading blanks: a word, a string without escapes, a file, or an option with a
# bare value.  `_Scanner._token` reads the others, with the same result for these.
_PLAIN = re.compile(
    r"""[ \t]*+(?:([A-Za-z][^ \t=]*+|[^ \tA-Za-z"'‘“„«@#][^ \t]*+)|"([^"\\]*+)"|@([^ \t"][^ \t]*+)"""
    r"""|([A-Za-z][A-Za-z0-9_.-]*+)=([^ \t"'‘“„«][^ \t]*+))(?=[ \t]|\Z)"""
)

# Quotes that people type, or that an editor or a shell habit inserts, with their closing quotes.
_FOREIGN_QUOTES = {"'": "'", "‘": "’", "“": "”", "„": "“”", "«": "»"}


class Token(NamedTuple):
    """One piece of a line; ``start`` and ``end`` are offsets in the joined text.

    Args:
        kind: ``word`` (bare), ``string`` (quoted), ``file`` (``@path``) or ``option`` (``key=value``).
        text: as written.
        value: the word, the text within the quotes, the path, or the option's value, escapes resolved.
        key: of an option.
        value_start: the offset of an option's value.
        straight: false if other quotes than ``"`` were used.
    """

    kind: Kind
    text: str
    value: str
    start: int
    end: int
    key: str = ""
    value_start: int = 0
    straight: bool = True


@dataclass(frozen=True, slots=True)
class Flaw:
    """An error of the scanner: a code, the offsets, what is wrong and how to fix it."""

    code: str
    start: int
    end: int
    message: str
    help: str


def scan(text: str) -> tuple[tuple[Token, ...], tuple[Flaw, ...]]:
    """Split a line into tokens; a ``#`` after a blank begins a comment.  Never raises."""
    scanner = _Scanner(text)
    scanner.run()
    return tuple(scanner.tokens), tuple(scanner.flaws)


def quoted(text: str) -> str:
    """Return ``text`` as a string of the crontab, including quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.tokens: list[Token] = []
        self.flaws: list[Flaw] = []

    def run(self) -> None:
        while True:
            if match := _PLAIN.match(self.text, self.at):
                self.tokens.append(self._plain(match))
                continue
            self.at = self._after_blanks()
            if self.at >= len(self.text) or self.text[self.at] == "#":
                return
            self.tokens.append(self._token())

    def _plain(self, match: re.Match[str]) -> Token:
        self.at = end = match.end()
        word, string, file, key, value = match.groups()
        if word is not None:
            return Token("word", word, word, end - len(word), end)
        if string is not None:
            start = end - len(string) - 2
            return Token("string", self.text[start:end], string, start, end)
        if file is not None:
            start, text = end - len(file) - 1, f"@{file}"
            # Position decides: `@daily` first, `@file` later.
            return (
                Token("file", text, file, start, end)
                if self.tokens
                else Token("word", text, text, start, end)
            )
        start, value_start = match.start(4), match.start(5)
        return Token("option", self.text[start:end], value, start, end, key, value_start)

    def _after_blanks(self) -> int:
        match = _BLANKS.match(self.text, self.at)
        return match.end() if match else self.at

    def _token(self) -> Token:
        start, text = self.at, self.text
        key = _KEY.match(text, start)
        if key:
            self.at = key.end()
            value, straight = self._quoted_or_word()
            return self._make("option", start, value, key[1], key.end(), straight)
        if text[start] == '"' or text[start] in _FOREIGN_QUOTES:
            value, straight = self._quoted_or_word()
            return self._make("string", start, value, straight=straight)
        if text.startswith('@"', start):
            self.at = start + 1
            return self._make("file", start, self._string())
        value = self._word()
        if value.startswith("@") and self.tokens:  # the position decides: `@daily` first, `@file` later
            return self._make("file", start, value[1:])
        return self._make("word", start, value)

    def _make(
        self, kind: Kind, start: int, value: str, key: str = "", value_start: int = 0, straight: bool = True
    ) -> Token:
        return Token(kind, self.text[start : self.at], value, start, self.at, key, value_start, straight)

    def _quoted_or_word(self) -> tuple[str, bool]:
        char = self.text[self.at : self.at + 1]
        if char == '"':
            return self._string(), True
        if char and char in _FOREIGN_QUOTES:
            return self._foreign_string(_FOREIGN_QUOTES[char]), False
        return self._word(), True

    def _word(self) -> str:
        match = _WORD.match(self.text, self.at)
        if not match:  # `key=` without a value
            return ""
        self.at = match.end()
        return match[0]

    def _string(self) -> str:
        start = self.at
        match = _STRING.match(self.text, start)
        if not match:
            self.at = len(self.text)
            self._flaw(
                "E09", start, len(self.text), "this quote is not closed",
                'close it with ", or put the prompt on indented lines below the job',
            )  # fmt: skip
            return self.text[start + 1 :]
        self.at = match.end()
        behind = self.text[self.at : self.at + 1]
        if behind and behind not in BLANKS:
            rest = _WORD.match(self.text, self.at)
            self._flaw(
                "E09", self.at, rest.end() if rest else self.at + 1, "text right behind a closing quote",
                'a " inside a prompt is written \\"; on indented lines it needs no escape',
            )  # fmt: skip
            # The rest is probably still the prompt: more errors would only hide this one.
            self.at = len(self.text)
        return _ESCAPE.sub(lambda escape: self._unescaped(escape, start + 1), match[1])

    def _unescaped(self, escape: re.Match[str], base: int) -> str:
        if escape[1] not in _ESCAPES:
            at = base + escape.start()
            self._flaw(
                "E09", at, at + 2, f"`{escape[0]}` is not an escape in a quoted text",
                'there are three: \\" and \\\\ and \\n',
            )  # fmt: skip
        return _ESCAPES.get(escape[1], escape[0])

    def _foreign_string(self, closing: str) -> str:
        """Read to the closing quote or the end, so that the message can show the text quoted correctly."""
        start = self.at
        ends = [end for quote in closing if (end := self.text.find(quote, start + 1)) > 0]
        end = min(ends, default=len(self.text))
        self.at = min(end + 1, len(self.text))
        return self.text[start + 1 : end]

    def _flaw(self, code: str, start: int, end: int, message: str, hint: str) -> None:
        self.flaws.append(Flaw(code, start, end, message, hint))
