"""Transcripts: the file from which a foreign agent resumes its own run, stored with the run.

A cache for that agent and never our record: what was said and done is in the messages and calls.  It grows by
pieces.  The part of the checkpoint says how much is kept; the content is read when it is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import ClassVar

from scheduler.core.text.redact import OURS

KIND = "transcript"

CONTENT = "transcript-content"
"""The part that is the content, as bytes; it is not read at a claim."""

MAX_BYTES = 32 * 1024**2
"""Of all pieces of a run together."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of a transcript is kept.

    Args:
        seq: the number of the last piece; 0: none.
        size: in bytes, all pieces together.
        digest: SHA-256 of all pieces together, in hex.
    """

    seq: int = 0
    size: int = 0
    digest: str = sha256().hexdigest()


NOTHING = Kept()


@dataclass(frozen=True, slots=True)
class KeepTranscript:
    """Keep one more piece.

    Args:
        seq: its number.
        data: the piece; known secrets are taken out of it.
        digest: SHA-256 of all pieces up to this one, in hex.
        is_whole: it takes the place of all pieces before it.
    """

    seq: int
    data: bytes
    digest: str = field(metadata=OURS)
    is_whole: bool = False
    kind: ClassVar[str] = KIND

    def fold(self, part: Kept) -> Kept:
        """Return how much is kept after this piece."""
        before = 0 if self.is_whole else part.size
        return Kept(self.seq, before + len(self.data), self.digest)
