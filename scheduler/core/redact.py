"""Redaction: a known secret is taken out of whatever is stored or shown, however programs print it.

Found are the text itself (its characters also in the escapes of URLs, JSON, Python, shells and HTML, once or
several times over), base64 and base32 in each of their alignments, and hex; where lines were folded, too.
Not found is what somebody has scrambled on purpose or spread over several texts, so redaction is the last
line of defence and never the first: an agent is not told secrets at all.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

LEAST_CHARS = 8
"""A shorter secret could not be told apart from ordinary text."""

_LEAST_LINE = 16
# Eight characters, the shortest secret, are at least eleven signs of base32, wherever they begin.
_BASE32_RUN = re.compile(r"(?:[A-Z2-7](?:\r|\n|\\r|\\n)*){11}|(?:[a-z2-7](?:\r|\n|\\r|\\n)*){11}")
_FOLD = r"(?:\r|\n|\\r|\\n)*"

_OURS = frozenset(
    (
        *("id", "call_id", "run_id", "key", "digest", "provenance", "marks", "rule", "rules", "settled"),
        *(
            "stains",
            "unstained",
            "started",
            "again",
            "taken_back",
            "waiting",
            "awaits",
            "external",
            "reason_code",
            "state",
        ),
    )
)
"""Fields that hold words of ours and ids: a secret that reads "untrusted" must not rewrite what a run met."""

_OF_THE_API = frozenset(("type", "id", "tool_use_id", "signature"))
"""Keys of content blocks whose values the API compares."""

_T = TypeVar("_T")


class Redactor:
    """Knows secrets by their names; immutable, so that it may be used from any thread."""

    def __init__(self, secrets: Mapping[str, frozenset[str]]) -> None:
        # The longest first: a secret that is a part of another must not leave the rest of it.
        known = sorted(
            ((len(value), name, value) for name in secrets for value in secrets[name]), reverse=True
        )
        self._forms = tuple(
            (f"[secret {name}]", re.compile(form), form in folded)
            for _, name, value in known
            for folded in (frozenset(_base32_forms(value)),)
            for form in _forms(value)
        )

    def text(self, text: str) -> str:
        """Return ``text`` with ``[secret NAME]`` in place of each secret."""
        # One look for each form is far cheaper than all of them at every place; few texts hold a secret.
        has_base32 = _BASE32_RUN.search(text) is not None
        found = [
            each for each in self._forms if (has_base32 or not each[2]) and each[1].search(text) is not None
        ]
        if not found:
            return text
        together = re.compile("|".join(f"({pattern.pattern})" for _, pattern, _ in found))
        return together.sub(lambda match: found[(match.lastindex or 1) - 1][0], text)

    def hidden(self, value: _T) -> _T:
        """Return a value of any shape, with every text in it redacted: JSON, tuples and dataclasses."""
        found: Any = self._hidden(value) if self._forms else value
        return found  # type: ignore[no-any-return]

    def _hidden(self, value: Any) -> Any:
        if type(value) is str:  # a member of an enumeration is no text
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self._hidden(key): each if key in _OF_THE_API else self._hidden(each)
                for key, each in value.items()
            }
        if type(value) is tuple:
            return tuple(map(self._hidden, value))
        if type(value) is list:
            return list(map(self._hidden, value))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {
                f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.name not in _OURS
            }
            changed = {
                name: new
                for name, old in fields.items()
                if (new := self._hidden(old)) is not old and new != old
            }
            return dataclasses.replace(value, **changed) if changed else value
        return value


def _forms(secret: str) -> Iterator[str]:
    """Give the patterns of a secret."""
    for part in _parts(secret):
        yield _as_text(part)
        data = part.encode("utf-8", "replace")
        yield from (_as_base64(data, alignment) for alignment in range(3))
        yield _as_hex(data)
    yield from _base32_forms(secret)


def _base32_forms(secret: str) -> Iterator[str]:
    """Give those that only a long run of base32 signs can match."""
    for part in _parts(secret):
        yield from (_as_base32(part.encode("utf-8", "replace"), alignment) for alignment in range(5))


def _parts(secret: str) -> Iterator[str]:
    """Give a secret, and each line of a long one: that is a secret, too, but for its frame (PEM)."""
    whole = secret.strip("\r\n")
    lines = [line.strip() for line in whole.splitlines()]
    parts = [whole, *(each for each in lines if len(each) >= _LEAST_LINE and not each.startswith("-----"))]
    return (part for part in dict.fromkeys(parts) if len(part) >= LEAST_CHARS)


def _as_text(secret: str) -> str:
    return "".join(f"(?:{'|'.join(_spellings(char))})" for char in secret)


def _spellings(char: str) -> Iterator[str]:
    """Give the ways to write a character, the character itself last: ``%`` is the beginning of ``%25``."""
    yield f"(?i:{''.join(f'%(?:25)*{byte:02x}' for byte in char.encode('utf-8', 'replace'))})"
    if (escaped := json.dumps(char)[1:-1]) != char:
        # As many backslashes as there were writers: JSON within JSON doubles each.
        yield rf"(?i:\\+{re.escape(escaped[1:])})"
    if (entity := html.escape(char)) != char:
        yield f"(?i:{re.escape(entity)}|&#0*{ord(char)};|&#x0*{ord(char):x};)"
    if char == "'":
        yield r"""'\\+''|'"'"'|\\+'"""
    if char == " ":
        yield r"\+"
    if char in "/$`":
        yield rf"\\+{re.escape(char)}"
    if char == "\n":
        yield "\r\n"
    yield re.escape(char)


def _as_base64(data: bytes, alignment: int) -> str:
    """Return the characters that depend on the secret alone, ``alignment`` bytes into a group of three."""
    begin, end = -(-alignment * 8 // 6), (alignment + len(data)) * 8 // 6
    encoded = base64.b64encode(b"\0" * alignment + data).decode("ascii")[begin:end]
    both = {"+": "(?:[+-]|%2[bB])", "/": "(?:[/_]|%2[fF])"}
    return _FOLD.join(both.get(char, char) for char in encoded)


def _as_base32(data: bytes, alignment: int) -> str:
    """Do the same for base32, whose groups are of five bytes."""
    begin, end = -(-alignment * 8 // 5), (alignment + len(data)) * 8 // 5
    encoded = base64.b32encode(b"\0" * alignment + data).decode("ascii")[begin:end]
    return f"(?i:{_FOLD.join(encoded)})"


def _as_hex(data: bytes) -> str:
    between = r"(?:[\s:]|\\x|\\n)*"
    return f"(?i:{between.join(f'{byte:02x}' for byte in data)})"
