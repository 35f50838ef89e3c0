"""A hash that is stable across processes, machines and years.

It spreads jobs over time: ``H`` fields, ``@every`` grids and jitter are derived from the job's name, so that
a restart changes nothing (Python's own ``hash`` of a text differs from process to process).
"""

from __future__ import annotations

import hashlib


def stable_hash(*parts: str) -> int:
    """A number from 0 to 2**64 - 1 that depends only on the parts."""
    text = "\0".join(parts)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
