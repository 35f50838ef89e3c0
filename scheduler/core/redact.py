"""Redaction: a known secret is taken out of whatever is stored or shown, however programs print it.

Found are the text itself (its characters also in URL or JSON escapes), base64 in each of its three alignments
and both alphabets, and hex; where lines were folded, too.  Not found is what somebody has scrambled on
purpose, so redaction is the last line of defence and never the first: an agent is not told secrets at all.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

LEAST_CHARS = 8
"""A shorter secret could not be told apart from ordinary text."""

_LEAST_LINE = 16
_FOLD = r"(?:\r|\n|\\r|\\n)*"

_T = TypeVar("_T")


class Redactor:
    """Knows secrets by their names; immutable, so that it may be used from any thread."""

    def __init__(self, secrets: Mapping[str, frozenset[str]]) -> None:
        forms = {
            name: [form for value in values for form in _forms(value)] for name, values in secrets.items()
        }
        self._patterns = tuple(
            (f"[secret {name}]", re.compile("|".join(each))) for name, each in sorted(forms.items()) if each
        )

    def text(self, text: str) -> str:
        """Return ``text`` with ``[secret NAME]`` in place of each secret."""
        for shown, pattern in self._patterns:
            text = pattern.sub(shown, text)
        return text

    def hidden(self, value: _T) -> _T:
        """Return a value of any shape, with every text in it redacted: JSON, tuples and dataclasses."""
        found: Any = self._hidden(value) if self._patterns else value
        return found  # type: ignore[no-any-return]

    def _hidden(self, value: Any) -> Any:
        if type(value) is str:  # a member of an enumeration is no text
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._hidden(key): self._hidden(each) for key, each in value.items()}
        if type(value) is tuple:
            return tuple(map(self._hidden, value))
        if type(value) is list:
            return list(map(self._hidden, value))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            changed = {
                name: new
                for name, old in fields.items()
                if (new := self._hidden(old)) is not old and new != old
            }
            return dataclasses.replace(value, **changed) if changed else value
        return value


def _forms(secret: str) -> Iterator[str]:
    """Give the patterns of a secret; each line of a long one is a secret, too, but for its frame (PEM)."""
    whole = secret.strip("\r\n")
    lines = [line.strip() for line in whole.splitlines()]
    parts = [whole, *(each for each in lines if len(each) >= _LEAST_LINE and not each.startswith("-----"))]
    for part in dict.fromkeys(parts):
        if len(part) >= LEAST_CHARS:
            yield _as_text(part)
            data = part.encode("utf-8", "replace")
            yield from (_as_base64(data, alignment) for alignment in range(3))
            yield _as_hex(data)


def _as_text(secret: str) -> str:
    return "".join(f"(?:{'|'.join(_spellings(char))})" for char in secret)


def _spellings(char: str) -> Iterator[str]:
    """Give the ways to write a character, the character itself last: ``%`` is the beginning of ``%25``."""
    yield f"(?i:{''.join(f'%{byte:02x}' for byte in char.encode('utf-8', 'replace'))})"
    if (escaped := json.dumps(char)[1:-1]) != char:
        yield f"(?i:{re.escape(escaped)})"
    if char == " ":
        yield r"\+"
    if char == "/":
        yield r"\\/"
    if char == "\n":
        yield "\r\n"
    yield re.escape(char)


def _as_base64(data: bytes, alignment: int) -> str:
    """Return the characters that depend on the secret alone, ``alignment`` bytes into a group of three."""
    begin, end = -(-alignment * 8 // 6), (alignment + len(data)) * 8 // 6
    encoded = base64.b64encode(b"\0" * alignment + data).decode("ascii")[begin:end]
    both = {"+": "(?:[+-]|%2[bB])", "/": "(?:[/_]|%2[fF])"}
    return _FOLD.join(both.get(char, char) for char in encoded)


def _as_hex(data: bytes) -> str:
    between = r"(?:[\s:]|\\x|\\n)*"
    return f"(?i:{between.join(f'{byte:02x}' for byte in data)})"
