"""Records of the daily log, chained: each contains the hash of the one before it.

The lines alone are enough to verify them.  The canonical form of JSON is: keys sorted, no spaces, ASCII
with escapes.  ``body_hash`` is the SHA-256 (hex) of the canonical body; ``hash`` is the SHA-256 of the
canonical array ``[seq, prev_hash, at, job, run, kind, body_hash]``, where ``at`` is the text of the line.
The very first record follows `NOTHING`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

NOTHING = "0" * 64
"""The previous hash of the very first record."""

# Created once: json.dumps would create one for every call.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)

_KEYS = ("seq", "at", "job", "run", "kind", "body", "body_hash", "prev_hash", "hash")


def canonical(value: Any) -> str:
    """Return the canonical JSON text of a value."""
    return _CANONICAL.encode(value)


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: the number and the hash of its last record."""

    seq: int = 0
    hash: str = NOTHING


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Args:
        at: an ISO instant in UTC with microseconds, from ``instant_text``.
        run_id: the run; empty for a record about a job or everything.
        body: canonical JSON.
    """

    seq: int
    at: str
    job: str
    run_id: str
    kind: str
    body: str
    body_hash: str
    prev_hash: str
    hash: str

    @property
    def head(self) -> Head:
        """The head of a chain that ends here."""
        return Head(self.seq, self.hash)

    @property
    def day(self) -> str:
        """The day in UTC, as ``2026-11-25``."""
        return self.at[:10]

    def line(self) -> str:
        """Return the record as one line of JSON, with its line feed."""
        values = (
            *(self.seq, self.at, self.job, self.run_id, self.kind, json.loads(self.body)),
            *(self.body_hash, self.prev_hash, self.hash),
        )
        return canonical(dict(zip(_KEYS, values, strict=True))) + "\n"


def instant_text(at: datetime) -> str:
    """Return an instant in the form used in records."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def follow(head: Head, at: str, kind: str, job: str, run_id: str, body: Mapping[str, Any]) -> Record:
    """Return the record that comes after ``head``."""
    return _chained(head.seq + 1, head.hash, at, kind, job, run_id, canonical(body))


def _chained(seq: int, prev_hash: str, at: str, kind: str, job: str, run_id: str, body: str) -> Record:
    body_hash = digest(body)
    whole = digest(canonical([seq, prev_hash, at, job, run_id, kind, body_hash]))
    return Record(seq, at, job, run_id, kind, body, body_hash, prev_hash, whole)


def from_line(line: str | bytes) -> Record:
    """Return the record of a line that ``Record.line`` wrote; its content is not verified.

    Raises:
        ValueError: it is not such a line.
    """
    try:
        values = json.loads(line)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(values, dict) or set(values) != set(_KEYS) or type(values["seq"]) is not int:
        raise ValueError("it is not a record")
    texts = [values[key] for key in _KEYS if key not in ("seq", "body")]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("it is not a record")
    at, job, run_id, kind, body_hash, prev_hash, whole = texts
    body = canonical(values["body"])
    return Record(values["seq"], at, job, run_id, kind, body, body_hash, prev_hash, whole)


def flaw(record: Record, before: Head | None) -> str:
    """Return what is wrong with a record that comes after ``before`` (None: it is the first one seen)."""
    right = _chained(
        record.seq, record.prev_hash, record.at, record.kind, record.job, record.run_id, record.body
    )
    if record.body_hash != right.body_hash:
        return f"record {record.seq}: its body was changed"
    if record.hash != right.hash:
        return f"record {record.seq}: it was changed, its hash does not fit"
    if before is not None and record.seq != before.seq + 1:
        return f"record {record.seq} stands where record {before.seq + 1} belongs"
    if before is not None and record.prev_hash != before.hash:
        return f"record {record.seq} does not follow record {before.seq}: one of them was replaced"
    return ""
