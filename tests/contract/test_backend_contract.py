"""The backends that there are hold to the suite that ships, and those that do not are caught by it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from scheduler.engine.attempt.turns import Turns
from scheduler.ports.backend import Allowed, Answered, Attempt, Backend, Desk, ForeignCall, Rested
from scheduler.ports.tool import AnyTool, Args, ToolContext
from scheduler.testing.conformance.backend import BackendConformance, check_backend
from scheduler.testing.conformance.backend_case import Hook, Move
from scheduler.testing.rehearsal import script
from scheduler.toolkit import FunctionTool, tool
from tests.plugin.scripted_backend import ScriptedBackend


class Hooked:
    """What is done in the middle of an act."""

    def __init__(self) -> None:
        self.hook: Hook | None = None

    def set_hook(self, hook: Hook) -> None:
        """Take it."""
        self.hook = hook

    async def act(self) -> None:
        """Await it."""
        if self.hook is not None:
            await self.hook()


class HookedBackend(ScriptedBackend):
    """The plug-in of the tests, with a hook in its acts."""

    def __init__(self) -> None:
        self.hooked = Hooked()

    async def act(self, workdir: Path, call: ForeignCall, key: str) -> str:
        """Post, and await the hook."""
        result = await super().act(workdir, call, key)
        await self.hooked.act()
        return result


class ScriptedCase:
    """The plug-in of the tests."""

    tools: Mapping[str, AnyTool] = {}
    acting = "post"

    def __init__(self, backend: HookedBackend) -> None:
        self.backend: HookedBackend = backend
        self.set_hook = backend.hooked.set_hook
        self.workdir = Path()

    def prepare(self, home: Path, workdir: Path, moves: Sequence[Move], cost_usd: float) -> str:
        """Write the script."""
        del home
        self.workdir = workdir
        workdir.mkdir(parents=True)
        written = [{**_as_json(move), "cost_usd": cost_usd} for move in moves]
        (workdir / "script.json").write_text(json.dumps(written))
        return ""

    def acted(self) -> list[str]:
        """Read what was posted."""
        file = self.workdir / "post"
        return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def _as_json(move: Move) -> dict[str, Any]:
    match move.kind:
        case "act":
            return {"call": "post", "input": {"text": move.text}}
        case "sleep":
            return {"call": "sleep", "input": {"until": "1h"}}
        case "end":
            return {"end": move.text}


class TurnsCase:
    """Our own loop, with a rehearsal."""

    acting = "post"
    backend: Backend = Turns()

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.hooked = Hooked()
        self.set_hook = self.hooked.set_hook
        self.tools: Mapping[str, AnyTool] = {"post": self._post()}

    def _post(self) -> FunctionTool:
        @tool(
            name="post",
            description="Post a text.",
            schema={"type": "object", "properties": {"text": {"type": "string"}}},
            reads_private=False,
            reads_untrusted=False,
        )
        async def post(args: Args, context: ToolContext) -> str:
            self.texts.append(args["text"])
            await self.hooked.act()
            return "posted"

        return post

    def prepare(self, home: Path, workdir: Path, moves: Sequence[Move], cost_usd: float) -> str:
        """Write the rehearsal; the world has its price."""
        del workdir, cost_usd
        play = script()
        for move in moves:
            match move.kind:
                case "act":
                    play.call("post", text=move.text)
                case "sleep":
                    play.sleep("1h")
                case "end":
                    play.finish(move.text)
        play.write(home / "job.jsonl")
        return "model=rehearsal:job.jsonl"

    def acted(self) -> list[str]:
        """Return what was posted."""
        return self.texts


class TestPlugIn(BackendConformance):
    """A backend with a loop of its own."""

    def make_case(self, folder: Path) -> ScriptedCase:
        """Return the scripted one."""
        del folder
        return ScriptedCase(HookedBackend())


class TestTurns(BackendConformance):
    """Our own loop over a model."""

    def make_case(self, folder: Path) -> TurnsCase:
        """Return it with a rehearsal."""
        del folder
        return TurnsCase()


# -- the suite catches what it is for ----------------------------------------------------------------
class ActsFirst(HookedBackend):
    """Asks afterwards."""

    async def call(self, desk: Desk, workdir: Path, call: ForeignCall) -> bool:
        """Post, then ask."""
        if call.name == "post":
            await self.act(workdir, call, "")
        answer = await desk.begin(call)
        if isinstance(answer, Allowed):
            await desk.record(call.id, "posted")
        return not isinstance(answer, Rested)


class TakesAnAnswerForLeave(HookedBackend):
    """Acts unless the run rests."""

    async def call(self, desk: Desk, workdir: Path, call: ForeignCall) -> bool:
        """Act although the call was answered."""
        answer = await desk.begin(call)
        if isinstance(answer, Answered) and call.name == "post":
            await self.act(workdir, call, "")
        if isinstance(answer, Allowed):
            await desk.record(call.id, await self.act(workdir, call, answer.key))
        return not isinstance(answer, Rested)


class ActsOtherwise(HookedBackend):
    """Acts with other arguments than were judged."""

    async def act(self, workdir: Path, call: ForeignCall, key: str) -> str:
        """Post something else."""
        return await super().act(workdir, ForeignCall(call.id, call.name, {"text": "evil"}), key)


class NumbersItsCalls(HookedBackend):
    """Gives a call another id in each attempt."""

    attempts = 0

    async def advance(self, attempt: Attempt, desk: Desk) -> None:
        """Count."""
        self.attempts += 1
        await super().advance(attempt, desk)

    async def call(self, desk: Desk, workdir: Path, call: ForeignCall) -> bool:
        """Ask with a number in the id."""
        return await super().call(
            desk, workdir, ForeignCall(f"{call.id}.{self.attempts}", call.name, call.args)
        )


class GoesOn(HookedBackend):
    """Does not take the word of the desk that the run rests."""

    async def call(self, desk: Desk, workdir: Path, call: ForeignCall) -> bool:
        """Ask once more."""
        going = await super().call(desk, workdir, call)
        return going or await super().call(desk, workdir, call)


class Forgets(HookedBackend):
    """Does not record what has happened."""

    async def call(self, desk: Desk, workdir: Path, call: ForeignCall) -> bool:
        """Act and say nothing."""
        answer = await desk.begin(call)
        if isinstance(answer, Allowed):
            await self.act(workdir, call, answer.key)
        return not isinstance(answer, Rested)


class SwallowsACancel(HookedBackend):
    """Takes a cancellation for a failure of the call, and tries once more."""

    async def act(self, workdir: Path, call: ForeignCall, key: str) -> str:
        """Go on."""
        try:
            return await super().act(workdir, call, key)
        except asyncio.CancelledError:
            await asyncio.sleep(3600)
            return "posted"


class LeavesItRunning(HookedBackend):
    """Lets its calls outlive it."""

    async def act(self, workdir: Path, call: ForeignCall, key: str) -> str:
        """Shield the call."""
        return await asyncio.shield(asyncio.create_task(super().act(workdir, call, key)))


class IsDeaf(HookedBackend):
    """Does not tell its agent what a person says."""

    async def advance(self, attempt: Attempt, desk: Desk) -> None:
        """Go on without the news."""
        hidden: Any = _Quiet(desk)
        await super().advance(attempt, hidden)


class _Quiet:
    news = ""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk, name)


class Spends(HookedBackend):
    """Does not ask what it may spend."""

    async def move(
        self, desk: Desk, workdir: Path, place: int, move: dict[str, Any], *, is_new: bool
    ) -> bool:
        """Make the move at no cost."""
        return await super().move(desk, workdir, place, {**move, "cost_usd": 0}, is_new=is_new)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (ActsFirst, "before it was allowed"),
        (TakesAnAnswerForLeave, "and not with"),
        (ActsOtherwise, "acted with"),
        (NumbersItsCalls, "in the end"),
        (GoesOn, "it asked the desk for"),
        (Forgets, "it had not come to an end"),
        (SwallowsACancel, "swallowed the cancellation"),
        (LeavesItRunning, "has left the call running"),
        (IsDeaf, "never told 'Be quick.'"),
        (Spends, "its state is succeeded"),
    ],
)
def test_a_backend_that_is_wrong_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[], HookedBackend], complaint: str
) -> None:
    monkeypatch.setattr("scheduler.testing.conformance.backend_case.WAIT_SECONDS", 0.5)
    with pytest.raises(AssertionError, match=complaint):
        check_backend(lambda _: ScriptedCase(wrong()), tmp_path)
