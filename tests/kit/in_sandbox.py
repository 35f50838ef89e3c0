"""Run one command in the sandbox and print what became of it; a program, so that any user can run it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from scheduler.host.sandbox import find_program, run_sandboxed, sandbox_env, sandboxed


def _peak_kib() -> int:
    """Return the most memory that this program held; ``ru_maxrss`` would count its parent's, too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise AssertionError("the kernel tells no VmHWM")


async def run(command: list[str], workdir: str, timeout_seconds: float) -> dict[str, Any]:
    """Return how the command ended, what it said, and how much memory we ourselves had needed."""
    program = find_program()
    assert program is not None
    # The probes are written in Python, which may lie outside /usr.
    readable = () if sys.base_prefix.startswith("/usr") else (sys.base_prefix,)
    words = sandboxed(program, command, workdir=workdir, readable=readable)
    result = await run_sandboxed(words, env=sandbox_env({}), cwd=workdir, timeout_seconds=timeout_seconds)
    return {
        "exit_code": result.exit_code,
        "out": result.stdout,
        "err": result.stderr,
        "timed_out": result.timed_out,
        "dropped_bytes": result.dropped_bytes,
        "peak_kib": _peak_kib(),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(**json.loads(sys.argv[1])))))
