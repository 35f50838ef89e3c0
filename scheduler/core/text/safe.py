"""Make text safe to show: characters that control a terminal or are invisible become visible escapes.

Prompts, names, file contents and answers of a model are shown on terminals.  An escape sequence
among them could rewrite the screen or the clipboard, and a bidirectional override could make a line look
like another one (CVE-2021-42574), so all output passes through here.
"""

from __future__ import annotations

import unicodedata

# Cc: C0, DEL and C1.  Cf: bidirectional and zero-width formats, soft hyphen, tags.  Cs: lone surrogates,
# which no output encoding supports.  Zl and Zp: line breaks that only some programs recognise.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

# Letters and marks by category, but drawn as nothing.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def safe_text(text: str, *, multiline: bool = False) -> str:
    r"""Return ``text`` with every control or invisible character as an escape such as ``\x1b`` or ``\u202e``.

    Args:
        multiline: keep line feeds and tabs, for text that is printed as a block.
    """
    bare = text.replace("\n", "").replace("\t", "") if multiline else text
    if bare.isascii() and bare.isprintable():
        return text
    kept = "\n\t" if multiline else ""
    return "".join(_escaped(char) if _is_unsafe(char) and char not in kept else char for char in text)


def cells(text: str) -> int:
    """Return how many terminal cells ``text`` takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(char) for char in text)


def _is_unsafe(char: str) -> bool:
    return unicodedata.category(char) in _UNSAFE_CATEGORIES or char in _INVISIBLE


def _escaped(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _cells_of(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
