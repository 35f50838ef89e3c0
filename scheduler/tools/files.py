"""``read``, ``write``, ``edit``, ``glob``: files of the job's workdir, and no others.

The work is done by the SDK's own toolset, which knows symlinks, sizes and media types.  Its functions are
``async def`` around blocking calls, so each call runs in a thread, on an event loop of its own; the SDK is
imported there too, at the first call.  What the SDK would open although it must not (a FIFO, a hard link)
is refused before.  It opens files by their path, and a command that runs beside it could exchange a folder on
that path for a symlink; so it works on a copy that nobody else can reach, of the very file that was opened.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scheduler.core.text.capped import capped, sendable
from scheduler.core.trust.effect import Effect
from scheduler.errors import ToolFault
from scheduler.host.paths import confine, opened, overwrite, refuse_special
from scheduler.ports.tool import Args, Probe, ToolAnswer, ToolContext, ToolSpec
from scheduler.toolkit import FunctionTool

MAX_TEXT_BYTES = 256 * 1024
"""The largest file that is read or edited as a whole."""

# Images and PDFs go into the stored conversation, base64, and are sent again with every request.
MAX_IMAGE_BASE64_BYTES = 1024 * 1024
MAX_PDF_BYTES = 2 * 1024 * 1024

_MAX_WHOLE_BYTES = 4 * 1024 * 1024
_MAX_VIEWED_BYTES = 256 * 1024 * 1024

_SDK_GLOB_LIMIT = 200

_PATH = {"type": "string", "minLength": 1, "maxLength": 4096}


def _schema(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


async def _ask_sdk(name: str, args: Args, context: ToolContext) -> ToolAnswer:
    """Run one tool of the SDK in a thread; cancelling leaves the thread to end by itself."""
    return await asyncio.to_thread(_drive, name, dict(args), context.workdir)


def _drive(name: str, args: dict[str, Any], workdir: str) -> ToolAnswer:
    if name == "glob":
        return _sdk(name, args, workdir)
    path = args["file_path"]
    target = confine(workdir, path)
    refuse_special(target, path, to_write=name != "read")
    inside = target.relative_to(os.path.realpath(workdir))
    with TemporaryDirectory(prefix="agentcron-") as stage:
        copy = Path(stage, inside)
        try:
            _copy(workdir, target, copy, args.get("view_range"))
            answer = _sdk(name, {**args, "file_path": str(inside)}, stage)
            if name != "read":
                overwrite(workdir, target, copy.read_bytes(), path)
        except (OSError, ValueError) as error:
            raise ToolFault(sendable(f"{name}: {path}: {_reason(error)}")) from error
    return answer


def _copy(workdir: str, target: Path, copy: Path, view_range: list[int] | None) -> None:
    """Put what was opened where nobody else writes: the SDK opens by path, and paths change.

    Of a large file only the lines that are wanted, and of one that is too large for the SDK its size alone.
    """
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        with opened(workdir, target, os.O_RDONLY) as file:
            found = os.fstat(file)
            if stat.S_ISDIR(found.st_mode):
                copy.mkdir(exist_ok=True)
            elif not stat.S_ISREG(found.st_mode):
                raise ToolFault(f"{target.name}: not a regular file")
            elif not view_range and found.st_size > _MAX_WHOLE_BYTES:
                copy.touch()
                os.truncate(copy, found.st_size)
            else:
                copy.write_bytes(_lines(file, view_range[-1] if view_range else 0))
    except FileNotFoundError:
        return  # the SDK says so, or makes it


def _lines(file: int, last: int) -> bytes:
    """Return a file up to the end of its line ``last``, or the whole."""
    data = bytearray()
    found = 0
    while chunk := os.read(file, 65_536):
        data += chunk
        found += chunk.count(b"\n")
        if 0 < last <= found:
            break
        if len(data) > _MAX_VIEWED_BYTES:
            raise ValueError(f"more than {_MAX_VIEWED_BYTES:,} bytes before the end of what is wanted")
    return bytes(data)


def _sdk(name: str, args: dict[str, Any], workdir: str) -> ToolAnswer:
    from anthropic.lib.tools import ToolError, agent_toolset

    surroundings = agent_toolset.AgentToolContext(
        workdir=workdir,
        env={},
        max_file_bytes=MAX_TEXT_BYTES,
        max_image_base64_bytes=MAX_IMAGE_BASE64_BYTES,
        max_pdf_bytes=MAX_PDF_BYTES,
    )
    make = getattr(agent_toolset, f"beta_{name}_tool")
    try:
        answer = asyncio.run(make(surroundings).call(args))
    except ToolError as error:
        raise ToolFault(sendable(str(error))) from error
    except (OSError, ValueError) as error:  # a lone surrogate or a NUL, where the SDK expects neither
        raise ToolFault(sendable(f"{name}: {_reason(error)}")) from error
    return answer if isinstance(answer, str) else tuple(answer)


def _reason(error: OSError | ValueError) -> str:
    # Never str(OSError): it holds the absolute path of the host.
    return getattr(error, "strerror", None) or str(error)


async def _read(args: Args, context: ToolContext) -> ToolAnswer:
    answer = await _ask_sdk("read", args, context)
    return capped(answer, hint="use view_range for the rest") if isinstance(answer, str) else answer


async def _write(args: Args, context: ToolContext) -> ToolAnswer:
    return await _ask_sdk("write", args, context)


async def _edit(args: Args, context: ToolContext) -> ToolAnswer:
    return await _ask_sdk("edit", args, context)


async def _glob(args: Args, context: ToolContext) -> ToolAnswer:
    root = await asyncio.to_thread(confine, context.workdir, ".")
    if args.get("path"):
        await asyncio.to_thread(confine, context.workdir, args["path"])
    answer = await _ask_sdk("glob", args, context)
    lines = [line.removeprefix(f"{root}/") for line in str(answer).split("\n")]
    if len(lines) >= _SDK_GLOB_LIMIT:
        lines.append(f"[only the {_SDK_GLOB_LIMIT} newest are shown; narrow the pattern]")
    return capped("\n".join(lines), hint="narrow the pattern")


async def _probe_edit(args: Args, context: ToolContext) -> Probe:
    return await asyncio.to_thread(_look_at_edit, args, context.workdir)


def _look_at_edit(args: Args, workdir: str) -> Probe:
    old, new = args["old_string"], args["new_string"]
    try:
        target = confine(workdir, args["file_path"])
        refuse_special(target, args["file_path"])
        text = _text_of(workdir, target)
    except (ToolFault, OSError, ValueError):
        return "unknown"
    found = text.count(old)
    if not found:
        return "happened" if new in text else "unknown"
    if old in new and new in text:
        return "unknown"  # "a" to "ab": the old text is there before and after
    return "did_not_happen" if found == 1 or args.get("replace_all") else "unknown"


def _text_of(workdir: str, target: Path) -> str:
    with opened(workdir, target, os.O_RDONLY) as file:
        if os.fstat(file).st_size > MAX_TEXT_BYTES:
            raise ValueError("too large")
        return _lines(file, 0).decode("utf-8")


READ = FunctionTool(
    ToolSpec(
        name="read",
        description=(
            "Read a text file (UTF-8), an image or a PDF of the working directory. Long text is cut; "
            "read on with view_range."
        ),
        schema=_schema(
            {
                "file_path": {**_PATH, "description": "Path, relative to the working directory."},
                "view_range": {
                    "type": "array",
                    "items": {"type": "integer"},
                    "minItems": 2,
                    "maxItems": 2,
                    "description": "First and last line to return, from 1; a last line of -1 means the end.",
                },
            },
            "file_path",
        ),
        effect=Effect.PURE,
        reads_private=False,
        reads_untrusted=True,  # nobody knows who wrote a file
        external=False,
    ),
    _read,
)

WRITE = FunctionTool(
    ToolSpec(
        name="write",
        description=(
            "Write a file of the working directory as a whole, making its directories as needed. "
            "An existing file is replaced."
        ),
        schema=_schema(
            {
                "file_path": {**_PATH, "description": "Path, relative to the working directory."},
                "content": {"type": "string", "maxLength": 1_000_000, "description": "The whole content."},
            },
            "file_path",
            "content",
        ),
        effect=Effect.KEYED,  # the same content again changes nothing
        reads_private=False,
        reads_untrusted=False,
        external=False,
    ),
    _write,
)

EDIT = FunctionTool(
    ToolSpec(
        name="edit",
        description="Replace a text that stands exactly once in a file, or everywhere with replace_all.",
        schema=_schema(
            {
                "file_path": {**_PATH, "description": "Path, relative to the working directory."},
                "old_string": {
                    "type": "string",
                    "minLength": 1,
                    "description": "The text to replace, exactly as it stands, blanks and line ends too.",
                },
                "new_string": {"type": "string", "description": "What stands there afterwards."},
                "replace_all": {"type": "boolean", "description": "Replace every occurrence."},
            },
            "file_path",
            "old_string",
            "new_string",
        ),
        effect=Effect.PROBE,
        reads_private=False,
        reads_untrusted=False,
        external=False,
    ),
    _edit,
    _probe_edit,
)

GLOB = FunctionTool(
    ToolSpec(
        name="glob",
        description='List files whose path matches a pattern such as "**/*.py", the newest first.',
        schema=_schema(
            {
                "pattern": {**_PATH, "description": 'A relative glob pattern; "**" stands for any depth.'},
                "path": {
                    "type": "string",
                    "description": "Directory to search; the working directory if empty.",
                },
            },
            "pattern",
        ),
        effect=Effect.PURE,
        reads_private=False,
        reads_untrusted=True,  # a name can be an instruction, too
        external=False,
    ),
    _glob,
)
