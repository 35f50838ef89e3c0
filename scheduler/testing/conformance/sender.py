"""The conformance suite of senders.

::

    class TestMySender(SenderConformance):
        def make_case(self, folder: Path) -> MyCase:
            return MyCase(folder)

pytest then runs every check against a case of its own, with the outbox and the store of a real home.  Without
pytest, ``check_sender(MyCase, folder)`` does the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from scheduler.core.run.notice import Notice
from scheduler.errors import SendFault
from scheduler.ports.sender import Receipt, SendContext, Sender
from scheduler.testing.conformance.checks import must, run_all, until
from scheduler.testing.world import World, open_world

Receiver: TypeAlias = Literal["up", "down", "hanging"]
"""It takes what is sent; refuses it for now; or accepts the connection and never answers."""

BODIES = (
    "All is well.",
    "Grüße aus Köln, 日本語, עברית, हिन्दी",
    "🛰 👩‍👩‍👧 e\u0301 \u202eright to left\u202c",
    "two\nlines,\r\nand a\ttab",
    "'single' \"double\" `back` $HOME $(id) \\ ; & | < > * ? # %41 {}",
    "\u2028\u00a0\u200b\ufeff in the middle\x1b[31m",
    "long " + "x" * 1000,
)
"""Texts that must arrive as they are."""

HOSTILE = "a lone surrogate \ud800 and a NUL \0"
"""A text that no UTF-8 can hold: it must arrive in some form, and stop nothing."""

_SECONDS = 20.0
_TAKEOVER_SECONDS = 120.0
_WEEK_SECONDS = 7 * 86_400.0


class SenderCase(Protocol):
    """A sender, and a receiver that the suite can look into; made afresh for each check."""

    @property
    def sender(self) -> Sender:
        """The sender."""
        ...

    def notice(self, body: str) -> Notice:
        """Return a notice that goes to the receiver."""
        ...

    def lost_notice(self) -> Notice:
        """Return a notice that can never be sent, however often it is tried: its target is wrong."""
        ...

    def set_receiver(self, state: Receiver) -> None:
        """Say how the receiver behaves from now on; it begins as ``up``."""
        ...

    def is_waiting(self) -> bool:
        """Whether anything is in the middle of sending right now, a process that was left behind included."""
        ...

    def received(self) -> list[tuple[str, str]]:
        """Return id and body of whatever has arrived, in that order."""
        ...


class SenderConformance:
    """The checks; a subclass says what is checked."""

    def make_case(self, folder: Path) -> SenderCase:
        """Return the sender and its receiver, which may use ``folder``."""
        raise NotImplementedError

    def test_a_notice_is_sent_once_and_acknowledged(self, tmp_path: Path) -> None:
        """A notice arrives, and is not due again."""

        async def check(s: _Setup) -> None:
            await _queue(s.world, s.case.notice("Once."))
            await s.world.send_reports()
            [(_, body)] = s.case.received()
            must(body == "Once.", f"the body arrived as {body!r}")
            await _must_be_over(s.world)
            must(len(s.case.received()) == 1, "it was sent again although the sender had returned")

        self._run(tmp_path, check)

    def test_it_returns_a_receipt(self, tmp_path: Path) -> None:
        """The return value is a receipt, and its kind is that of its notices."""

        async def check(s: _Setup) -> None:
            notice = s.case.notice("Once.")
            must(notice.kind == s.case.sender.kind, f"the kind of the sender is {s.case.sender.kind!r}")
            receipt = await s.case.sender.send(notice, SendContext(id="1", job="brief"))
            must(isinstance(receipt, Receipt), f"it returned {receipt!r}")

        self._run(tmp_path, check)

    def test_any_text_arrives_as_it_is(self, tmp_path: Path) -> None:
        """Every body of ``BODIES`` arrives unchanged, and ``HOSTILE`` in some form."""

        async def check(s: _Setup) -> None:
            for body in (*BODIES, HOSTILE):
                await _queue(s.world, s.case.notice(body))
            await s.world.send_reports()
            await _must_be_over(s.world)
            arrived = [body for _, body in s.case.received()]
            for sent, body in zip(BODIES, arrived, strict=False):
                must(body == sent, f"{sent!r} arrived as {body!r}")
            must(len(arrived) == len(BODIES) + 1, f"{len(BODIES) + 1} were sent, {len(arrived)} arrived")

        self._run(tmp_path, check)

    def test_what_was_sent_and_not_recorded_is_sent_again_with_the_same_id(self, tmp_path: Path) -> None:
        """A process that dies between sending and recording doubles a notice at most, and the id tells."""

        async def check(s: _Setup) -> None:
            await _queue(s.world, s.case.notice("At least once."))
            s.dying.dies = True
            with contextlib.suppress(asyncio.CancelledError):
                await s.world.send_reports()
            must(len(s.case.received()) == 1, "it had not arrived when the sender returned")
            s.dying.dies = False
            s.world.clock.advance(_TAKEOVER_SECONDS)
            await s.world.send_reports()
            await _must_be_over(s.world)
            ids = [number for number, _ in s.case.received()]
            must(1 <= len(ids) <= 2, f"it arrived {len(ids)} times")
            must(len(set(ids)) == 1 and ids[0] != "", f"the tries had the ids {ids}")

        self._run(tmp_path, check)

    def test_a_receiver_that_is_down_for_a_while_gets_it_later(self, tmp_path: Path) -> None:
        """A fault that may pass is raised as one, and the notice is tried again."""

        async def check(s: _Setup) -> None:
            s.case.set_receiver("down")
            await _queue(s.world, s.case.notice("Later."))
            await s.world.send_reports()
            must(s.case.received() == [], "it arrived although the receiver refused it")
            must(await s.world.store.next_due() is not None, "it was given up, or taken for sent")
            s.case.set_receiver("up")
            s.world.clock.advance(60)
            await s.world.send_reports()
            await _must_be_over(s.world)
            must([body for _, body in s.case.received()] == ["Later."], f"{s.case.received()} arrived")

        self._run(tmp_path, check)

    def test_what_can_never_be_sent_is_given_up_at_once(self, tmp_path: Path) -> None:
        """A permanent fault is raised as one, with a reason."""

        async def check(s: _Setup) -> None:
            try:
                await s.case.sender.send(s.case.lost_notice(), SendContext(id="1", job="brief"))
            except SendFault as fault:
                must(fault.permanent, f"it would be tried again: {fault.message}")
                must(fault.message.strip() != "", "it does not say why")
            else:
                must(False, "it was taken for sent")
            await _queue(s.world, s.case.lost_notice())
            await s.world.send_reports()
            await _must_be_over(s.world)
            must(s.case.received() == [], "it arrived after all")

        self._run(tmp_path, check)

    def test_a_sender_that_is_cancelled_lets_go_and_the_notice_is_sent_later(self, tmp_path: Path) -> None:
        """A cancelled ``send`` ends soon, leaves nothing behind, and may be repeated."""

        async def check(s: _Setup) -> None:
            s.case.set_receiver("hanging")
            await _queue(s.world, s.case.notice("In the end."))
            sending = asyncio.create_task(s.world.send_reports())
            await until(s.case.is_waiting, "the receiver holds the sender", _SECONDS)
            sending.cancel()
            await asyncio.wait({sending}, timeout=_SECONDS)
            must(sending.cancelled(), "it swallowed the cancellation, or continues")
            await until(lambda: not s.case.is_waiting(), "nothing sends any more", _SECONDS)
            s.case.set_receiver("up")
            s.world.clock.advance(_TAKEOVER_SECONDS)
            await s.world.send_reports()
            await _must_be_over(s.world)
            bodies = [body for _, body in s.case.received()]
            must(1 <= len(bodies) <= 2 and set(bodies) == {"In the end."}, f"{bodies} arrived")

        self._run(tmp_path, check)

    def _run(self, folder: Path, check: Callable[[_Setup], Coroutine[Any, Any, None]]) -> None:
        (folder / "receiver").mkdir()
        case = self.make_case(folder / "receiver")
        dying = _Dying(case.sender)

        async def run() -> None:
            async with open_world(folder / "home", senders=[dying]) as world:
                await check(_Setup(world, case, dying))

        asyncio.run(run())


def check_sender(make_case: Callable[[Path], SenderCase], folder: Path) -> None:
    """Run all checks, each in an empty folder below ``folder``.

    Raises:
        AssertionError: the sender does not hold to one of them.
    """
    run_all(SenderConformance, make_case, folder)


class _Dying:
    """Passes notices on, and may end its task afterwards, before anything is recorded."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.dies = False

    @property
    def kind(self) -> str:
        return self._sender.kind

    async def send(self, notice: Notice, context: SendContext) -> Receipt:
        receipt = await self._sender.send(notice, context)
        if self.dies:
            raise asyncio.CancelledError
        return receipt


@dataclass(frozen=True, slots=True)
class _Setup:
    world: World
    case: SenderCase
    dying: _Dying


async def _queue(world: World, notice: Notice) -> None:
    await world.store.queue_notice(notice, world.clock.now(), "brief")


async def _must_be_over(world: World) -> None:
    """Assert that whatever was queued is on record as sent or given up."""
    due = await world.store.next_due()
    must(due is None, "a notice is still waiting")
    world.clock.advance(_WEEK_SECONDS)
    must(await world.send_reports() == 0, "a notice was due again")
