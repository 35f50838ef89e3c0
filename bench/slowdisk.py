"""A disk on which every sync takes as long as on an ordinary one, by delaying the call; needs ``strace``.

Virtual disks answer a sync from memory, and then durability costs nothing and group commit gains nothing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

SYNC_MS = 4
"""What one sync takes on an ordinary solid-state disk without a battery."""


def works() -> bool:
    """Whether calls can be delayed here."""
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run([*command(Path("/dev/null")), "true"], capture_output=True, check=False)
    return tried.returncode == 0


def command(trace: Path) -> list[str]:
    """Return the words to put before a command; each sync it makes is one line of ``trace``."""
    calls = "fsync,fdatasync"
    delay = f"inject={calls}:delay_exit={SYNC_MS * 1000}"
    return ["strace", "-f", "-qq", "--seccomp-bpf", "-o", str(trace), "-e", f"trace={calls}", "-e", delay]


def syncs(trace: Path) -> int:
    """Return how many syncs a trace holds."""
    text = trace.read_text(encoding="utf-8", errors="replace")
    return len(re.findall(r"^\d+ +f(?:data)?sync\(", text, re.M))
