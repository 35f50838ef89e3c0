"""Real processes that were not forked, for what works only from the start of a program (LD_PRELOAD)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tests.kit.processes import ROOT


class Spawner:
    """Takes the zygote's place: the same orders, each answered by a program of its own.

    Args:
        environment: set in every process, beside what the order says.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Start a program, or tell whether one has ended."""
        if order["op"] == "poll":
            return {"status": self._processes[order["pid"]].poll()}
        path = f"{ROOT}:{order['env'].get('PYTHONPATH', '')}"
        with open(order["stdout"], "ab") as out, open(order["stderr"], "ab") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "scheduler", *order["argv"]],
                env={**order["env"], **self._environment, "PYTHONPATH": path},
                cwd=order["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self._processes[process.pid] = process
        return {"pid": process.pid}
