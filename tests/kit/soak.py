"""Long tests: a short form in the gate, the long one in ``make soak``, and one seed for all of them.

``AGENTCRON_SOAK=1`` asks for the long form.  ``AGENTCRON_SEED`` gives the seed; without it one is drawn, and
the head of pytest's output tells which.
"""

from __future__ import annotations

import os
import random

SEED_VARIABLE = "AGENTCRON_SEED"

SOAK = os.environ.get("AGENTCRON_SOAK") == "1"
"""Whether long tests take their long form."""


def draw_seed() -> str:
    """Return the seed of this session, drawn once; test processes that start later find it drawn."""
    return os.environ.setdefault(SEED_VARIABLE, str(random.SystemRandom().randrange(1_000_000)))


def chance(name: str) -> random.Random:
    """Return the random numbers of one test; what a test prints is shown when it fails."""
    seed = draw_seed()
    print(f"repeat with {SEED_VARIABLE}={seed}")
    return random.Random(f"{seed} {name}")
