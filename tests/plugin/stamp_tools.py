"""A plug-in for tests: tools whose effect is a line in a file, so that effects can be counted."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from scheduler import tool
from scheduler.crash import crashpoint
from scheduler.ports.tool import Args, Probe, ToolContext

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


def _stamps(context: ToolContext) -> Path:
    return Path(context.workdir) / "stamps"


def _stamp(args: Args, context: ToolContext) -> str:
    line = f"{args['text']} {context.key}\n"
    handle = os.open(_stamps(context), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    crashpoint("effect")
    return f"stamped {args['text']}"


@tool(
    name="stamp",
    description="Stamp a text; not repeatable.",
    schema=SCHEMA,
    effect="opaque",
    reads_private=False,
    reads_untrusted=False,
    external=True,
)
async def STAMP(args: Args, context: ToolContext) -> str:
    """Leave a line; nobody can tell afterwards whose it is."""
    return _stamp(args, context)


@tool(
    name="keyed_stamp",
    description="Stamp once per key.",
    schema=SCHEMA,
    effect="keyed",
    reads_private=False,
    reads_untrusted=False,
    external=True,
)
async def KEYED(args: Args, context: ToolContext) -> str:
    """Leave a line unless one with the same key is there."""
    stamps = _stamps(context)
    if stamps.exists() and context.key in stamps.read_text():
        return "stamped already"
    return _stamp(args, context)


async def _look(args: Args, context: ToolContext) -> Probe:
    stamps = _stamps(context)
    found = stamps.exists() and context.key in stamps.read_text()
    return "happened" if found else "did_not_happen"


@tool(
    name="probed_stamp",
    description="Stamp; can be verified.",
    schema=SCHEMA,
    effect="probe",
    probe=_look,
    reads_private=False,
    reads_untrusted=False,
    external=True,
)
async def PROBED(args: Args, context: ToolContext) -> str:
    """Leave a line; the probe finds it by its key."""
    return _stamp(args, context)


@tool(
    name="hang",
    description="Hang for an hour.",
    schema=SCHEMA,
    effect="opaque",
    reads_private=False,
    reads_untrusted=False,
    external=True,
)
async def HANG(args: Args, context: ToolContext) -> str:
    """Stamp, then never return."""
    _stamp(args, context)
    await asyncio.sleep(3600)
    return "woke up"


@tool(
    name="slow_stamp",
    description="Stamp, and come back when told to.",
    schema=SCHEMA,
    effect="opaque",
    reads_private=False,
    reads_untrusted=False,
    external=True,
)
async def SLOW(args: Args, context: ToolContext) -> str:
    """Stamp, then wait until a file named "go on" lies in the workdir."""
    said = _stamp(args, context)
    while not (Path(context.workdir) / "go on").exists():  # noqa: ASYNC110  (another process makes it)
        await asyncio.sleep(0.02)
    return said


@tool(
    name="poison",
    description="Kill the process that runs this.",
    schema={"type": "object"},
    effect="pure",
    reads_private=False,
    reads_untrusted=False,
    external=False,
)
async def POISON(args: Args, context: ToolContext) -> str:
    """Die as a library that runs out of memory does; harmless to repeat, as far as anybody has declared."""
    os.kill(os.getpid(), signal.SIGKILL)
    return "not reached"
