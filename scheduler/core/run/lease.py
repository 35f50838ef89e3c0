"""A lease: one runner's time-limited right to one run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

LEASE_SECONDS = 30.0
RENEW_SECONDS = 10.0

SUSPECT_CRASHES = 2
"""A run is a suspect after this many deaths of its runners since its last sleep.

A runner works on one suspect at a time.  So a run that kills its runners is soon the only suspect of each,
and is abandoned without the runs next to it.
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to a run while ``epoch`` is its epoch; every write names it."""

    run_id: str
    job: str
    epoch: int
    runner: str
    expires_at: datetime
