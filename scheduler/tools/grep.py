"""``grep``: search file contents in a child process, because a bad pattern must not stall the daemon."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from scheduler.core.text.capped import capped
from scheduler.core.trust.effect import Effect
from scheduler.errors import CannotWorkError, ToolFault
from scheduler.host.child import ChildResult, run_child
from scheduler.host.paths import confine, refuse_special
from scheduler.host.sandbox import Sandbox, sandboxed
from scheduler.host.sandbox_proof import proven_program
from scheduler.ports.tool import Args, ToolAnswer, ToolContext, ToolSpec
from scheduler.toolkit import FunctionTool

SEARCH_SECONDS = 30.0

_LONGEST_LINE = 1000
_NOT_SEARCHED = (".git", "node_modules")


async def _grep(args: Args, context: ToolContext) -> ToolAnswer:
    root, command = await asyncio.to_thread(_prepare, args, context.workdir)
    env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
    try:
        result = await run_child(command, cwd=root, env=env, timeout_seconds=SEARCH_SECONDS)
    except CannotWorkError as error:
        raise ToolFault(f"grep: {error.message}") from error
    return _answer(result)


def _prepare(args: Args, workdir: str) -> tuple[Path, list[str]]:
    root = confine(workdir, ".")
    path = args.get("path") or "."
    target = confine(workdir, path)
    refuse_special(target, path)
    where = os.path.relpath(target, root)
    try:
        program = proven_program()
        # A folder may become a symlink while it is searched: inside, there is nothing that it could lead to.
        command = _command(args["pattern"], where, _ripgrep(root, "/usr"))
        return root, sandboxed(program, Sandbox.of_workdir(root), command)
    except CannotWorkError:  # then no shell works there either, which could exchange one
        return root, _command(args["pattern"], where, _ripgrep(root))


def _command(pattern: str, target: str, rg: str | None) -> list[str]:
    """Return the search as a command: symlinks are not followed, special files are not opened."""
    if rg:
        options = ["--no-config", "--line-number", "--no-heading", "--with-filename", "--color=never"]
        # The same files on every host, whether ripgrep or grep does it.
        options += ["--no-ignore", "--hidden", "--sort=path", *(f"--glob=!{d}" for d in _NOT_SEARCHED)]
        return [rg, *options, "-e", pattern, "--", target]
    options = ["-r", "-n", "-E", "-I", "-H", "-D", "skip", *(f"--exclude-dir={d}" for d in _NOT_SEARCHED)]
    return ["grep", *options, "-e", pattern, "--", target]


def _ripgrep(root: Path, below: str = "/") -> str | None:
    """Return ripgrep from somewhere below a folder, but never one that the agent could have put there."""
    entries = [entry for entry in os.get_exec_path() if os.path.isabs(entry)]
    found = shutil.which("rg", path=os.pathsep.join(entries))
    if found is None or Path(os.path.realpath(found)).is_relative_to(root):
        return None
    return found if Path(found).is_relative_to(below) else None


def _answer(result: ChildResult) -> str:
    if result.timed_out:
        raise ToolFault(
            f"grep: gave up after {SEARCH_SECONDS:.0f} s; narrow the path or simplify the pattern"
        )
    if not result.stdout:
        if result.exit_code in (0, 1):  # grep -I says 0 and nothing when only binary files match
            return "no matches"
        raise ToolFault(f"grep: {capped(result.stderr.strip(), 2000) or 'failed without a word'}")
    lines = [_shortened(line.removeprefix("./")) for line in result.stdout.rstrip("\n").split("\n")]
    return capped("\n".join(lines), hint="narrow the search", dropped_bytes=result.dropped_bytes)


def _shortened(line: str) -> str:
    rest = len(line) - _LONGEST_LINE
    return line if rest <= 0 else f"{line[:_LONGEST_LINE]} [{rest} more characters]"


GREP = FunctionTool(
    ToolSpec(
        name="grep",
        description=(
            "Search the contents of files for a regular expression (extended, as in grep -E). Returns "
            "path:line:text. Hidden files are searched; .git, node_modules and binary files are not."
        ),
        schema={
            "type": "object",
            "properties": {
                "pattern": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 4096,
                    "description": "The regular expression.",
                },
                "path": {
                    "type": "string",
                    "maxLength": 4096,
                    "description": "File or directory to search; the working directory if empty.",
                },
            },
            "required": ["pattern"],
            "additionalProperties": False,
        },
        effect=Effect.PURE,
        reads_private=False,
        reads_untrusted=True,  # nobody knows who wrote a file
        external=False,
        timeout_seconds=SEARCH_SECONDS + 10,
    ),
    _grep,
)
