"""What a model must hold to, whatever answers for it.

::

    class TestMyModel(ModelConformance):
        def make_case(self, folder: Path) -> MyCase:
            return MyCase(folder)

pytest then runs every check against a case of its own.  Without pytest, ``check_model(MyCase, folder)`` does
the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, get_args

from scheduler.core.run.conversation import Block, Usage
from scheduler.core.run.turn import ORDINARY_STOPS
from scheduler.errors import FaultKind, ModelFault
from scheduler.ports.model import Ask, Model, Reply
from scheduler.testing.conformance.checks import must, run_all, until

Service: TypeAlias = Literal["up", "down", "cut", "hanging"]
"""What answers for the model: it does; refuses for now; breaks off in the middle of an answer; or accepts
the request and never answers."""

COMPACTION = "compaction"
STOP_REASONS = ORDINARY_STOPS | {"refusal"}
"""What an agent can be told why an answer ended."""

_SECONDS = 20.0
_COUNTS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


class ModelCase(Protocol):
    """A model, and a request that it can answer; made afresh for each check."""

    @property
    def model(self) -> Model:
        """The model; the suite closes it."""
        ...

    @property
    def ask(self) -> Ask:
        """A first request, with tools of which the answer calls at least one, however often it is sent."""
        ...

    @property
    def states(self) -> Collection[Service]:
        """How its service can behave; ``("up",)`` where there is none."""
        ...

    def set_service(self, state: Service) -> None:
        """Say how the service behaves to the next request; it begins as ``up``."""
        ...

    def is_reached(self) -> bool:
        """Whether a request has come to the service while it was ``hanging``."""
        ...


class ModelConformance:
    """The checks; a subclass says what is checked."""

    def make_case(self, folder: Path) -> ModelCase:
        """Return the model, which may use ``folder``."""
        raise NotImplementedError

    def test_an_answer_is_whole_and_can_be_stored(self, tmp_path: Path) -> None:
        """Blocks as JSON, calls of the tools that were offered, a known stop reason, and what it cost."""

        async def check(s: _Setup) -> None:
            reply = await s.whole(s.case.ask)
            must(bool(_calls(reply)), "the answer calls no tool")

        self._run(tmp_path, check)

    def test_an_answer_is_sent_back_with_its_results(self, tmp_path: Path) -> None:
        """The conversation continues, and the calls of the next answer have other ids."""

        async def check(s: _Setup) -> None:
            first = await s.whole(s.case.ask)
            second = await s.whole(_answered(s.case.ask, first))
            ids = [call["id"] for reply in (first, second) for call in _calls(reply)]
            must(len(ids) == len(set(ids)), f"two calls of a conversation have one id: {ids}")

        self._run(tmp_path, check)

    def test_a_request_may_be_repeated(self, tmp_path: Path) -> None:
        """After a crash the same request is sent once more."""

        async def check(s: _Setup) -> None:
            for _ in range(3):
                await s.whole(s.case.ask)

        self._run(tmp_path, check)

    def test_what_streams_is_the_text_of_the_answer(self, tmp_path: Path) -> None:
        """What is heard while it comes is what is stored in the end; also of two requests at once."""

        async def check(s: _Setup) -> None:
            async def heard() -> tuple[str, Reply]:
                said: list[str] = []
                reply = await s.case.model.ask(s.case.ask, on_text=said.append)
                return "".join(said), reply

            for text, reply in await asyncio.gather(heard(), heard()):
                stored = "".join(block["text"] for block in reply.content if block["type"] == "text")
                must(text == stored, f"{text!r} was heard, and {stored!r} is stored")

        self._run(tmp_path, check)

    def test_a_request_is_left_as_it_is(self, tmp_path: Path) -> None:
        """Messages and tools are those of the run, and are sent again."""

        async def check(s: _Setup) -> None:
            for ask in (s.case.ask, replace(s.case.ask, compact=True)):
                before = copy.deepcopy(ask)
                with contextlib.suppress(ModelFault):
                    await s.case.model.ask(ask)
                must(ask == before, "it has changed the request that it was given")

        self._run(tmp_path, check)

    def test_a_summary_is_one_block_or_none(self, tmp_path: Path) -> None:
        """A request for a summary gets its block, which can stand for the messages, or nothing at all."""

        async def check(s: _Setup) -> None:
            first = await s.whole(s.case.ask)
            later = _answered(s.case.ask, first)
            try:
                summary = await s.case.model.ask(replace(s.case.ask, compact=True))
            except ModelFault as fault:
                _must_be_a_fault(fault)
                return
            if summary.stop_reason != COMPACTION:
                must(summary.content == (), f"no summary, but an answer came: {summary.content}")
                return
            must(
                [block["type"] for block in summary.content] == [COMPACTION],
                f"a summary is one block of the type compaction: {summary.content}",
            )
            head = {"role": "assistant", "content": list(summary.content)}
            await s.whole(replace(later, messages=(head, *later.messages[1:])))

        self._run(tmp_path, check)

    def test_a_failure_is_a_fault_of_the_model(self, tmp_path: Path) -> None:
        """A service that is down or breaks off gives no half answer; the next request is answered."""

        async def check(s: _Setup) -> None:
            for state in ("down", "cut"):
                if state not in s.case.states:
                    continue
                s.case.set_service(state)
                try:
                    reply = await s.case.model.ask(s.case.ask)
                except ModelFault as fault:
                    _must_be_a_fault(fault)
                except Exception as error:
                    must(False, f"{state}: {type(error).__name__} is no ModelFault: {error}")
                else:
                    must(False, f"{state}: it gives an answer all the same: {reply.content}")
                s.case.set_service("up")
                await s.whole(s.case.ask)

        self._run(tmp_path, check)

    def test_a_request_that_is_cancelled_ends(self, tmp_path: Path) -> None:
        """Soon, and the next one is answered."""

        async def check(s: _Setup) -> None:
            if "hanging" not in s.case.states:
                return
            s.case.set_service("hanging")
            asking = asyncio.create_task(s.case.model.ask(s.case.ask))
            await until(s.case.is_reached, "the service has got the request", _SECONDS)
            asking.cancel()
            await asyncio.wait({asking}, timeout=_SECONDS)
            must(asking.cancelled(), "it swallowed the cancellation, or continues")
            s.case.set_service("up")
            await s.whole(s.case.ask)

        self._run(tmp_path, check)

    def test_it_is_closed_at_any_time(self, tmp_path: Path) -> None:
        """Before a request and after it, and twice; nothing of it is left running."""

        async def check(s: _Setup) -> None:
            await self.make_case(_made(tmp_path / "unused")).model.close()
            await s.whole(s.case.ask)
            await s.case.model.close()
            await s.case.model.close()
            await asyncio.sleep(0.1)
            left = [task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}]
            must(not left, f"it has left work behind: {left}")

        self._run(tmp_path, check)

    def _run(self, folder: Path, check: Callable[[_Setup], Coroutine[Any, Any, None]]) -> None:
        async def run() -> None:
            case = self.make_case(_made(folder / "case"))
            try:
                async with asyncio.timeout(_SECONDS * 3):
                    await check(_Setup(case))
            finally:
                await case.model.close()

        asyncio.run(run())


def check_model(make_case: Callable[[Path], ModelCase], folder: Path) -> None:
    """Run all checks, each in an empty folder below ``folder``.

    Raises:
        AssertionError: the model does not hold to one of them.
    """
    run_all(ModelConformance, make_case, folder)


@dataclass(frozen=True, slots=True)
class _Setup:
    case: ModelCase

    async def whole(self, ask: Ask) -> Reply:
        """Send a request, and assert that its answer is one that a run can continue from."""
        reply = await self.case.model.ask(ask)
        must(isinstance(reply, Reply), f"it returned {reply!r}")
        must(isinstance(reply.content, tuple) and bool(reply.content), f"its content is {reply.content!r}")
        for block in reply.content:
            _must_be_a_block(block, {str(tool["name"]) for tool in ask.tools})
        ids = [call["id"] for call in _calls(reply)]
        must(len(ids) == len(set(ids)), f"two calls have one id: {ids}")
        must(reply.stop_reason in STOP_REASONS, f"the stop reason {reply.stop_reason!r} is not known")
        is_for_tools = reply.stop_reason == "tool_use"
        must(is_for_tools == bool(ids), f"it stopped for {reply.stop_reason}, with {len(ids)} calls")
        _must_be_counted(reply)
        return reply


def _must_be_a_block(block: Block, tools: Collection[str]) -> None:
    try:
        again = json.loads(json.dumps(block, allow_nan=False))
    except (TypeError, ValueError) as error:
        again = error
    must(again == block, f"a block is not the same after it was stored: {block!r}: {again!r}")
    kind = block.get("type")
    if kind == "text":
        must(isinstance(block.get("text"), str) and block["text"] != "", f"a text without words: {block}")
    if kind == "tool_use":
        must(isinstance(block.get("id"), str) and block["id"] != "", f"a call without an id: {block}")
        must(block.get("name") in tools, f"it calls {block.get('name')!r}; there are {sorted(tools)}")
        must(isinstance(block.get("input"), Mapping), f"the input of a call is no object: {block}")
    must(isinstance(kind, str), f"a block without a type: {block}")


def _must_be_counted(reply: Reply) -> None:
    usage, cost = reply.usage, reply.cost_microusd
    must(isinstance(usage, Usage), f"its usage is {usage!r}")
    for name in _COUNTS:
        count = getattr(usage, name)
        must(type(count) is int and count >= 0, f"{name} is {count!r}")
    is_price = cost is None or (type(cost) is int and cost >= 0)
    must(is_price, f"its cost is {cost!r}, which is no number of millionths of a dollar")
    is_id = reply.request_id is None or (isinstance(reply.request_id, str) and reply.request_id != "")
    must(is_id, f"its request id is {reply.request_id!r}")


def _must_be_a_fault(fault: ModelFault) -> None:
    must(fault.kind in get_args(FaultKind), f"the kind of the fault is {fault.kind!r}")
    must(fault.message.strip() != "", "the fault does not say what was wrong")
    after = fault.retry_after_seconds
    must(after is None or after >= 0, f"the fault wants a wait of {after!r} s")


def _calls(reply: Reply) -> list[Block]:
    return [block for block in reply.content if block.get("type") == "tool_use"]


def _answered(ask: Ask, reply: Reply) -> Ask:
    """Return the request that follows an answer: the calls have their results."""
    results = [
        {"type": "tool_result", "tool_use_id": call["id"], "content": "fine"} for call in _calls(reply)
    ]
    messages = (
        *ask.messages,
        {"role": "assistant", "content": list(reply.content)},
        {"role": "user", "content": results or [{"type": "text", "text": "Continue."}]},
    )
    return replace(ask, messages=messages)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
