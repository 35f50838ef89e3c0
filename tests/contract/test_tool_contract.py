"""Tools hold to the suite that ships, and those that do not are caught by it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from scheduler.core.changes.follow_up import Family
from scheduler.core.text.redact import OURS
from scheduler.core.trust.effect import Effect
from scheduler.ports.tool import Args, StageContext, Staged, ToolAnswer, ToolContext
from scheduler.testing.conformance.tool import ToolCase, ToolConformance, check_tool
from scheduler.toolkit import FunctionTool
from scheduler.tools.files import READ, WRITE
from scheduler.tools.finish import FINISH
from scheduler.tools.grep import GREP
from scheduler.tools.note import NOTE
from scheduler.tools.schedule import SCHEDULE
from scheduler.tools.sleep import SLEEP
from tests.kit.processes import PLUGIN
from tests.plugin.memo_tools import REMEMBER, Memo
from tests.plugin.stamp_tools import HANG, KEYED, PROBED, STAMP

TEXT = {"text": "hello"}
WRONG = {"txt": "hello"}


@pytest.fixture(autouse=True)
def _plug_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PLUGIN))


def stamps(folder: Path) -> Callable[[], int]:
    return lambda: len((folder / "stamps").read_text().splitlines())


def letter(folder: Path) -> Path:
    """Leave a file to read."""
    (folder / "letter.md").write_text("Dear Ada,\n")
    return folder


CASES: dict[str, Callable[[Path], ToolCase]] = {
    "remember": lambda _: ToolCase(REMEMBER, TEXT, WRONG, parts={"memo": ("one",)}),
    "schedule": lambda _: ToolCase(
        SCHEDULE,
        {"action": "make", "name": "later", "when": "in 2h", "prompt": "Look again."},
        {"action": "make it so"},
        parts={"follow_up": Family()},
    ),
    "sleep": lambda _: ToolCase(SLEEP, {"until": "1h"}, {"until": 1}),
    "note": lambda _: ToolCase(NOTE, TEXT, WRONG),
    "finish": lambda _: ToolCase(FINISH, {"summary": "Done."}, {}),
    "read": lambda folder: ToolCase(READ, {"file_path": "letter.md"} if letter(folder) else {}, {}),
    "grep": lambda folder: ToolCase(GREP, {"pattern": "Ada"} if letter(folder) else {}, {}),
    "write": lambda _: ToolCase(WRITE, {"file_path": "a.md", "content": "a"}, {"file_path": "a.md"}),
    "stamp": lambda folder: ToolCase(STAMP, TEXT, WRONG, effects=stamps(folder)),
    "keyed_stamp": lambda folder: ToolCase(KEYED, TEXT, WRONG, effects=stamps(folder)),
    "probed_stamp": lambda folder: ToolCase(PROBED, TEXT, WRONG, effects=stamps(folder)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_tool_holds_to_the_suite(tmp_path: Path, name: str) -> None:
    check_tool(CASES[name], tmp_path)


class TestSlow(ToolConformance):
    """One whose call is cancelled, with the suite as a class."""

    def make_case(self, folder: Path) -> ToolCase:
        """Return a stamp that is quick or slow."""
        del folder
        return ToolCase(replace(HANG, function=quick_or_slow), TEXT, WRONG, slow_args={"text": "slow"})


async def quick_or_slow(args: Args, context: ToolContext) -> ToolAnswer:
    return await (HANG if args["text"] == "slow" else STAMP).call(args, context)


# -- the suite catches what it is for ----------------------------------------------------------------
def acting(function: Callable[[Args, ToolContext], Any], **spec: Any) -> ToolCase:
    slow = spec.pop("slow_args", None)
    tool = FunctionTool(replace(STAMP.spec, **spec), function)
    return ToolCase(tool, TEXT, WRONG, slow_args=slow)


def staging(
    stage: Callable[[Args, StageContext], Staged], parts: Mapping[str, Any] | None = None
) -> ToolCase:
    return ToolCase(replace(REMEMBER, stage=stage), TEXT, WRONG, parts=parts or {"memo": ()})


async def nothing(args: Args, context: ToolContext) -> ToolAnswer:
    return "ok"


async def a_number(args: Args, context: ToolContext) -> ToolAnswer:
    return cast(str, 7)


async def writes(args: Args, context: ToolContext) -> ToolAnswer:
    Path(context.workdir, "file").write_text("x")
    return "ok"


async def swallows(args: Args, context: ToolContext) -> ToolAnswer:
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(60)
    return "ok"


async def leaves_a_task(args: Args, context: ToolContext) -> ToolAnswer:
    await asyncio.shield(asyncio.create_task(asyncio.sleep(60)))
    return "ok"


@dataclass(frozen=True)
class Listed:
    """A change whose fold keeps the list that it is given."""

    text: str
    kind: ClassVar[str] = "memo"

    def fold(self, part: list[str]) -> list[str]:
        part.append(self.text)
        return part


@dataclass(frozen=True)
class Ours:
    """A change that says that a model's text is ours."""

    text: str = field(metadata=OURS)
    kind: ClassVar[str] = "memo"

    def fold(self, part: Any) -> Any:
        return part


COUNTER = itertools.count()

BROKEN: dict[str, tuple[Callable[[Path], ToolCase], str]] = {
    "name": (lambda _: acting(nothing, name="two words"), "cannot be its name"),
    "schema": (lambda _: acting(nothing, schema={"type": "object", "required": 1}), "its schema is wrong"),
    "open schema": (lambda _: acting(nothing, schema={"type": "object"}), "takes wrong arguments"),
    "a number": (lambda _: acting(a_number), "its result cannot be sent"),
    "pure": (lambda _: acting(writes, effect=Effect.PURE), "has changed files of the workdir"),
    "probe": (lambda _: acting(writes, effect=Effect.PROBE), "before its call the probe says unknown"),
    "keyed": (
        lambda folder: ToolCase(replace(STAMP, spec=KEYED.spec), TEXT, WRONG, effects=stamps(folder)),
        "with one key it has acted 2 times",
    ),
    "cancel": (
        lambda _: acting(sometimes(swallows), slow_args={"text": "slow"}),
        "swallowed the cancellation",
    ),
    "task": (
        lambda _: acting(sometimes(leaves_a_task), slow_args={"text": "slow"}),
        "has left something running",
    ),
    "chance": (lambda _: staging(lambda *_: Staged(f"number {next(COUNTER)}")), "it came to"),
    "touches": (lambda folder: staging(lambda *_: _touch(folder)), "has changed files"),
    "undeclared": (
        lambda _: staging(lambda *_: Staged("ok", (Strange("a", "b"),))),
        "of the kind 'strange', which it does not declare",
    ),
    "not read": (
        lambda _: staging(REMEMBER.stage, {"other": ()}),
        "the case has no parts for .'memo'",
    ),
    "fold": (
        lambda _: staging(lambda args, _: Staged("ok", (Listed(args["text"]),)), {"memo": []}),
        "its fold",
    ),
    "ours": (lambda _: staging(lambda args, _: Staged("ok", (Ours(args["text"]),))), "a secret stays in"),
}


@dataclass(frozen=True)
class Strange(Memo):
    """A change of a kind that its tool does not declare."""

    kind = "strange"


def sometimes(slow: Callable[[Args, ToolContext], Any]) -> Callable[[Args, ToolContext], Any]:
    async def function(args: Args, context: ToolContext) -> ToolAnswer:
        answer: ToolAnswer = await (slow if args["text"] == "slow" else nothing)(args, context)
        return answer

    return function


def _touch(folder: Path) -> Staged:
    (folder / "touched").write_text(str(next(COUNTER)))
    return Staged("ok")


@pytest.mark.parametrize("name", BROKEN)
def test_a_tool_that_is_wrong_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("scheduler.testing.conformance.tool._SECONDS", 0.3)
    make_case, complaint = BROKEN[name]
    with pytest.raises(AssertionError, match=complaint):
        check_tool(make_case, tmp_path)
