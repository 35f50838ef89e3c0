"""Redaction: remove known secrets from all text that is stored or shown, in common encodings.

It finds the text itself (its characters also in the escapes of URLs, JSON, Python, shells and HTML, repeated
several times over), base64 and base32 in each alignment, and hex, also with line breaks.
It does not find text that was obfuscated on purpose or spread over several texts, so redaction is the last
line of defence: an agent never gets secrets at all.
"""

from __future__ import annotations

import base64
import dataclasses
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, Literal, TypeVar

MIN_CHARS = 8
"""A shorter secret could not be distinguished from ordinary text."""

_MIN_LINE = 16

# Every repetition is bounded: the time for a repetitive text must not be quadratic.
_BACKSLASHES = r"\\{1,16}"
_FOLD = r"(?:\r|\n|\\r|\\n){0,4}"
_BETWEEN_HEX = r"(?:[ \t\r\n\f\v:]|\\x|\\n){0,12}"

# The standard alphabet of base64 and the URL-safe one.
_BOTH = {"+": "(?:[+-]|%2[bB])", "/": "(?:[/_]|%2[fF])"}

_FOLDS = str.maketrans("", "", "\r\n")
_SPACES = str.maketrans("", "", " \t\r\n\f\v:")
_SURE = re.compile(r"[0-9A-Za-z_-]+")

OURS = MappingProxyType({"ours": True})
"""The metadata of dataclass fields with our own ids and words.

Redaction does not change them: a secret with the text "untrusted" must not change the marks of a run.
"""

_OF_THE_API = frozenset(("type", "id", "tool_use_id", "signature"))
"""Keys of content blocks whose values the API compares; in the arguments of a call they have no meaning."""

_ARGUMENTS = frozenset(("input", "args"))

_T = TypeVar("_T")


class Redactor:
    """A set of named secrets; immutable, so that any thread may use it."""

    def __init__(self, secrets: Mapping[str, frozenset[str]]) -> None:
        # The longest first: a secret that is a part of another must not leave the rest of it.
        known = sorted(
            ((len(value), name, value) for name in secrets for value in secrets[name]), reverse=True
        )
        self._forms = tuple((f"[secret {name}]", form) for _, name, value in known for form in _forms(value))

    def text(self, text: str) -> str:
        """Return ``text`` with ``[secret NAME]`` in place of each secret."""
        views = _Views(text)
        # One search for each form is far cheaper than all forms at every position; few texts contain a
        # secret.
        found = [(name, form.pattern) for name, form in self._forms if form.is_in(views)]
        if not found:
            return text
        together = re.compile("|".join(f"({pattern.pattern})" for _, pattern in found))
        return together.sub(lambda match: found[(match.lastindex or 1) - 1][0], text)

    def hidden(self, value: _T) -> _T:
        """Return a value of any shape, with every text in it redacted: JSON, tuples and dataclasses."""
        found: Any = self._hidden(value, in_arguments=False) if self._forms else value
        return found  # type: ignore[no-any-return]

    def _hidden(self, value: Any, *, in_arguments: bool) -> Any:
        if type(value) is str:  # members of enumerations are skipped
            return self.text(value)
        if type(value) is bytes:
            data: bytes = value
            return self.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if isinstance(value, Mapping):
            hidden = {}
            for key, each in value.items():
                if key in _OF_THE_API and not in_arguments:
                    hidden[key] = each
                else:
                    inner = self._hidden(each, in_arguments=in_arguments or key in _ARGUMENTS)
                    hidden[self._hidden(key, in_arguments=in_arguments)] = inner
            return hidden
        if type(value) is tuple:
            return tuple(self._hidden(each, in_arguments=in_arguments) for each in value)
        if type(value) is list:
            return [self._hidden(each, in_arguments=in_arguments) for each in value]
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._hidden_fields(value)
        return value

    def _hidden_fields(self, value: Any) -> Any:
        changed = {}
        for name in (each.name for each in dataclasses.fields(value) if not each.metadata.get("ours")):
            old = getattr(value, name)
            new = self._hidden(old, in_arguments=name in _ARGUMENTS)
            if new is not old and new != old:
                changed[name] = new
        return dataclasses.replace(value, **changed) if changed else value


View = Literal["plain", "folded", "lower", "hex"]


class _Form:
    """One encoding of a secret.

    Args:
        anchor: a text that occurs in a ``view`` of each text that the pattern matches; it may be empty.
        write: returns the pattern; most are never needed, and compiling one takes a millisecond.
    """

    def __init__(self, anchor: str, view: View, write: Callable[[], str]) -> None:
        self._anchor, self._view, self._write = anchor, view, write

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What a text is searched for."""
        return re.compile(self._write())

    def is_in(self, views: _Views) -> bool:
        """Whether the pattern matches anywhere; a text without the anchor is not searched."""
        # With percent-encoding every character may be escaped, so no part is certain to be literal.
        maybe = self._anchor in views.of(self._view) or (self._view == "plain" and "%" in views.text)
        return maybe and self.pattern.search(views.text) is not None


class _Views:
    """A text in the views in which anchors are searched; each view is computed on first use."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._made: dict[View, str] = {}

    def of(self, view: View) -> str:
        """Return the text in a view."""
        if view not in self._made:
            self._made[view] = self._make(view)
        return self._made[view]

    def _make(self, view: View) -> str:
        match view:
            case "folded":
                return self.text.translate(_FOLDS).replace("\\r", "").replace("\\n", "")
            case "lower":
                return self.of("folded").lower()
            case "hex":
                return self.text.lower().translate(_SPACES).replace("\\x", "").replace("\\n", "")
            case _:
                return self.text


def _forms(secret: str) -> Iterator[_Form]:
    """Yield the encodings of a secret."""
    for part in _parts(secret):
        data = part.encode("utf-8", "replace")
        yield _Form(_longest(part), "plain", partial(_as_text, part))
        yield from (_as_base64(data, alignment) for alignment in range(3))
        yield _as_hex(data)
        yield from (_as_base32(data, alignment) for alignment in range(5))


def _longest(text: str) -> str:
    """Return the longest part of a text that no escape changes."""
    return max(_SURE.findall(text), key=len, default="")


def _parts(secret: str) -> Iterator[str]:
    """Yield a secret, and each line of a long one: these are secrets, too, except for its frame (PEM)."""
    whole = secret.strip("\r\n")
    lines = [line.strip() for line in whole.splitlines()]
    parts = [whole, *(each for each in lines if len(each) >= _MIN_LINE and not each.startswith("-----"))]
    return (part for part in dict.fromkeys(parts) if len(part) >= MIN_CHARS)


def _as_text(secret: str) -> str:
    return "".join(f"(?:{'|'.join(_spellings(char))})" for char in secret)


def _spellings(char: str) -> Iterator[str]:
    """Yield the encodings of a character, the character itself last: ``%`` is the beginning of ``%25``."""
    yield f"(?i:{''.join(f'%(?:25){{0,8}}{byte:02x}' for byte in char.encode('utf-8', 'replace'))})"
    if (escaped := json.dumps(char)[1:-1]) != char:
        # As many backslashes as encoders: JSON within JSON doubles each.
        yield rf"(?i:{_BACKSLASHES}{re.escape(escaped[1:])})"
    if (entity := html.escape(char)) != char:
        yield f"(?i:{re.escape(entity)}|&#0{{0,8}}{ord(char)};|&#x0{{0,8}}{ord(char):x};)"
    if char == "'":
        yield rf"""'{_BACKSLASHES}''|'"'"'|{_BACKSLASHES}'"""
    if char == " ":
        yield r"\+"
    if char in "/$`":
        yield rf"{_BACKSLASHES}{re.escape(char)}"
    if char == "\n":
        yield "\r\n"
    yield re.escape(char)


def _as_base64(data: bytes, alignment: int) -> _Form:
    """Return the characters that depend only on the secret, ``alignment`` bytes into a group of three."""
    begin, end = -(-alignment * 8 // 6), (alignment + len(data)) * 8 // 6
    encoded = base64.b64encode(b"\0" * alignment + data).decode("ascii")[begin:end]
    anchor = max(re.split("[+/]", encoded), key=len)
    return _Form(anchor, "folded", lambda: _FOLD.join(_BOTH.get(char, char) for char in encoded))


def _as_base32(data: bytes, alignment: int) -> _Form:
    """Return the same for base32, whose groups have five bytes."""
    begin, end = -(-alignment * 8 // 5), (alignment + len(data)) * 8 // 5
    encoded = base64.b32encode(b"\0" * alignment + data).decode("ascii")[begin:end]
    return _Form(encoded.lower(), "lower", lambda: f"(?i:{_FOLD.join(encoded)})")


def _as_hex(data: bytes) -> _Form:
    return _Form(data.hex(), "hex", lambda: f"(?i:{_BETWEEN_HEX.join(f'{byte:02x}' for byte in data)})")
