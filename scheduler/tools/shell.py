"""``shell``: a command in a sandbox that can write only the job's workdir.

Without a sandbox that has passed its test there is no shell.
"""

from __future__ import annotations

import asyncio
import os

from scheduler.core.text.capped import MAX_OUTPUT_BYTES, capped
from scheduler.core.trust.effect import Effect
from scheduler.errors import CannotWorkError, ToolFault
from scheduler.host.child import ChildResult
from scheduler.host.paths import root_of
from scheduler.host.sandbox import Sandbox, run_sandboxed
from scheduler.host.sandbox_proof import proven_program
from scheduler.ports.tool import Args, ToolAnswer, ToolContext, ToolSpec
from scheduler.toolkit import FunctionTool

USUAL_SECONDS = 120
MAX_SECONDS = 540


async def _shell(args: Args, context: ToolContext) -> ToolAnswer:
    seconds = args.get("timeout_seconds", USUAL_SECONDS)
    try:
        program, sandbox, words = await asyncio.to_thread(_prepare, args["command"], context)
        result = await run_sandboxed(program, sandbox, words, timeout_seconds=seconds)
    except CannotWorkError as error:
        raise ToolFault(f"shell: {error.message}", help=error.help) from error
    said = _output(result)
    if result.timed_out:
        raise ToolFault(f"{said}[killed after {seconds} s, with everything it had started]")
    if result.exit_code:
        return f"{said}[exit status {result.exit_code}]"
    return said or "[no output]"


def _prepare(command: str, context: ToolContext) -> tuple[str, Sandbox, list[str]]:
    sandbox = Sandbox.of_workdir(root_of(context.workdir), network=context.network, env=context.env)
    shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
    return proven_program(), sandbox, [shell, "-c", command]


def _output(result: ChildResult) -> str:
    """Return both outputs, the errors last, within the limit together."""
    parts = [part if part.endswith("\n") else f"{part}\n" for part in (result.stdout, result.stderr) if part]
    room = MAX_OUTPUT_BYTES // max(1, len(parts))
    hint = "write it to a file and look at parts"
    cut = [capped(part, room, hint=hint) for part in parts]
    if result.dropped_bytes:
        cut.append(f"[{result.dropped_bytes:,} more bytes were not kept]\n")
    return "".join(part if part.endswith("\n") else f"{part}\n" for part in cut)


SHELL = FunctionTool(
    ToolSpec(
        name="shell",
        description=(
            "Run a command with bash, in the working directory, the only place that can be changed. The "
            "rest of the system is read-only, the home is empty, and there is no network unless the owner "
            "granted it. Nothing keeps running afterwards: no background jobs, no variables, no cd. "
            "Output that is too long is cut."
        ),
        schema={
            "type": "object",
            "properties": {
                "command": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 30_000,  # the kernel takes 128 KiB in one argument
                    "description": "The command, as in bash -c.",
                },
                "timeout_seconds": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_SECONDS,
                    "description": f"When to kill it; {USUAL_SECONDS} if left out.",
                },
            },
            "required": ["command"],
            "additionalProperties": False,
        },
        effect=Effect.OPAQUE,
        reads_private=False,  # the sandbox shows it the workdir and the system, no home
        reads_untrusted=True,
        external=False,  # without network; with it, the grant says so
        timeout_seconds=MAX_SECONDS + 30,
    ),
    _shell,
)
