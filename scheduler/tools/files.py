"""``read``, ``write``, ``edit``, ``glob``: files of the job's workdir, and no others.

The work is done by the SDK's own toolset, which knows symlinks, sizes and media types.  Its functions are
``async def`` around blocking calls, so each call runs in a thread, on an event loop of its own; the SDK is
imported there too, at the first call.  What the SDK would open although it must not (a FIFO, a hard link)
is refused before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scheduler.core.capped import capped, sendable
from scheduler.core.effect import Effect
from scheduler.engine.confined import confine, refuse_special
from scheduler.errors import ToolFault
from scheduler.ports.tool import Args, FunctionTool, Probe, ToolAnswer, ToolContext, ToolSpec

MOST_TEXT_BYTES = 256 * 1024
"""The largest file that is read or edited as a whole."""

# Images and PDFs go into the stored conversation, base64, and are sent again with every request.
MOST_IMAGE_BASE64_BYTES = 1024 * 1024
MOST_PDF_BYTES = 2 * 1024 * 1024

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
    from anthropic.lib.tools import ToolError, agent_toolset

    if name != "glob":
        path = args["file_path"]
        refuse_special(confine(workdir, path), path, to_write=name != "read")
    surroundings = agent_toolset.AgentToolContext(
        workdir=workdir,
        env={},
        max_file_bytes=MOST_TEXT_BYTES,
        max_image_base64_bytes=MOST_IMAGE_BASE64_BYTES,
        max_pdf_bytes=MOST_PDF_BYTES,
    )
    make = getattr(agent_toolset, f"beta_{name}_tool")
    try:
        answer = asyncio.run(make(surroundings).call(args))
    except ToolError as error:
        raise ToolFault(sendable(str(error))) from error
    except (OSError, ValueError) as error:  # a lone surrogate or a NUL, where the SDK expects neither
        reason = getattr(error, "strerror", None) or str(error)
        raise ToolFault(sendable(f"{name}: {reason}")) from error
    return answer if isinstance(answer, str) else tuple(answer)


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
        text = _text_of(target)
    except (ToolFault, OSError, ValueError):
        return "unknown"
    found = text.count(old)
    if not found:
        return "happened" if new in text else "unknown"
    if old in new and new in text:
        return "unknown"  # "a" to "ab": the old text is there before and after
    return "did_not_happen" if found == 1 or args.get("replace_all") else "unknown"


def _text_of(target: Path) -> str:
    if target.stat().st_size > MOST_TEXT_BYTES:
        raise ValueError("too large")
    return target.read_bytes().decode("utf-8")


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
