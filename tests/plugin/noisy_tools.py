"""A plug-in for tests: tools that return too much, or what nobody can print, store or send."""

from __future__ import annotations

from typing import Any

from scheduler import tool
from scheduler.host.child import clean_env, run_child
from scheduler.ports.tool import Args, ToolAnswer, ToolContext


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def _block(**more: Any) -> ToolAnswer:
    return ({"type": "text", "text": "a block", **more},)


GARBLED: dict[str, ToolAnswer] = {
    "nul": "a\0b",
    "surrogate": "a\ud800b\udcffc",
    "escape": "\x1b[2J\x1b]0;owned\x07red \x9b31m\u202egnp.exe\u2066\u200b\r\n",
    "huge": "ü" * 30_000_000,
    "line": "x" * 5_000_000,
    "empty": "",
    "no blocks": (),
    "nul block": _block(title="\0"),
    "surrogate block": _block(title="\udfff", **{"\ud800": 1}),
    "nan": _block(n=float("nan")),
    "infinite": _block(n=float("inf")),
    "digits": _block(n=10**5000),
    "deep": _block(n=_nested(100_000)),
    "rather deep": _block(n=_nested(300)),
    "many blocks": _block() * 20_000,
    "no type": ({"text": "x"},),
    "bytes": ({"type": "text", "text": b"x"},),
    "a number": 7,  # type: ignore[dict-item]
}


@tool(
    name="garble",
    description="Return something odd.",
    schema={"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]},
    effect="pure",
    reads_private=False,
    reads_untrusted=True,
    external=False,
)
async def GARBLE(args: Args, context: ToolContext) -> ToolAnswer:
    """Return what was asked for, as a careless plug-in does."""
    return GARBLED[args["kind"]]


@tool(
    name="flood",
    description="Say so many bytes.",
    schema={"type": "object", "properties": {"bytes": {"type": "integer"}}, "required": ["bytes"]},
    effect="pure",
    reads_private=False,
    reads_untrusted=True,
    external=False,
)
async def FLOOD(args: Args, context: ToolContext) -> str:
    """Run a command that says much more than anybody reads."""
    command = f"head -c {args['bytes']} /dev/zero | tr '\\0' x"
    result = await run_child(command, cwd=context.workdir, env=clean_env(), timeout_seconds=110)
    return f"{len(result.stdout)} kept, {result.dropped_bytes} dropped\n{result.stdout}"
