"""Run one command in the sandbox and print what became of it; a program, so that any user can run it."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from scheduler.host.sandbox import Bind, Sandbox, find_program, run_sandboxed


def _peak_kib() -> int:
    """Return the most memory that this program held; ``ru_maxrss`` would count its parent's, too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise AssertionError("the kernel tells no VmHWM")


async def run(
    command: list[str],
    workdir: str,
    timeout_seconds: float,
    readable: list[list[str]],
    sockets: list[list[str]],
    env: dict[str, str],
) -> dict[str, Any]:
    """Return how the command ended, what it said, and how much memory we ourselves had needed.

    Args:
        readable: pairs of a path outside and one inside.
        sockets: the same.
    """
    program = find_program()
    assert program is not None
    # The probes are written in Python, which may lie outside /usr.
    prefix = Bind(sys.base_prefix, sys.base_prefix)
    own = () if sys.base_prefix.startswith("/usr") else (prefix,)
    sandbox = Sandbox.of_workdir(workdir, env=env)
    sandbox = replace(
        sandbox,
        readable=(*own, *(Bind(*pair) for pair in readable)),
        sockets=tuple(Bind(*pair) for pair in sockets),
    )
    result = await run_sandboxed(program, sandbox, command, timeout_seconds=timeout_seconds)
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
