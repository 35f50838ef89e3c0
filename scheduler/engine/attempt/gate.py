"""Run the gate: a command of the owner that decides, without cost, whether the agent starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scheduler.core.run.checkpoint import Checkpoint
from scheduler.engine.settings import Settings
from scheduler.host.child import clean_env, run_child


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """``open`` passes its output on, ``shut`` is a quiet skip, ``broken`` is a failure."""

    verdict: Literal["open", "shut", "broken"]
    output: str = ""
    reason: str = ""


async def ask_gate(checkpoint: Checkpoint, settings: Settings, folder: str) -> GateAnswer:
    """Run the job's gate; a job without one is open.

    It runs in the crontab's folder, and not in the workdir: programs obey files in the folder where they run
    (git its configuration, make its rules), and in the workdir an agent writes them.
    Exit 0 starts the agent, 1 does not, anything else (also a timeout) is a failure.

    Args:
        folder: the crontab's.
    """
    job = checkpoint.job
    if job.gate is None:
        return GateAnswer("open")
    assert job.workdir is not None, "the crontab's loader gives every job a workdir"
    env = {"PYTHONSAFEPATH": "1", **dict(job.env), "AGENTCRON_WORKDIR": job.workdir}
    result = await run_child(
        job.gate,
        cwd=folder,
        env=clean_env(env),
        timeout_seconds=settings.gate_seconds,
        output_bytes=settings.gate_output_bytes,
    )
    output = result.stdout.strip()
    if result.timed_out:
        return GateAnswer("broken", reason=f"the gate took longer than {settings.gate_seconds:g} s")
    if result.exit_code == 0:
        return GateAnswer("open", output)
    if result.exit_code == 1:
        why = f": {output.splitlines()[-1]}" if output else ""
        return GateAnswer("shut", reason=f"the gate said no{why}")
    error = result.stderr.strip().splitlines()
    said = f": {error[-1]}" if error else ""
    return GateAnswer("broken", reason=f"the gate ended with status {result.exit_code}{said}")
