"""Peers: each a program of its own that does the same work, and prints one line of JSON about it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def peer(name: str, *args: object, before: Sequence[str] = (), seconds: float = 150) -> dict[str, Any]:
    """Run a peer and return what it prints; ``{"missing": why}`` when it is not installed or fails.

    Args:
        before: a command to run it under, such as a tracer.
    """
    command = [*before, sys.executable, "-W", "ignore", "-m", f"bench.peers.{name}", *map(str, args)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return {"missing": f"it took longer than {seconds:g} s"}
    if done.returncode == 0:
        for line in reversed(done.stdout.splitlines()):
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
    reason = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
    return {"missing": reason[:160]}
