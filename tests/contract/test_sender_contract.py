"""The senders that there are hold to the suite that ships, and one that does not is caught by it."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from scheduler.adapters.report_command import REPORT
from scheduler.core.run.notice import Notice
from scheduler.errors import SendFault
from scheduler.ports.sender import Receipt, SendContext, Sender
from scheduler.testing.conformance.sender import Receiver, SenderConformance, check_sender
from tests.plugin.spool_sender import SPOOL, SpoolSender

REPORTER = """\
cd {folder}
if [ -e down ]; then exit 1; fi
if [ -e hanging ]; then echo $$ > pid.new; mv pid.new pid; exec sleep 600; fi
cat > body
number=$(ls received | wc -l)
mv body received/$((number)).$AGENTCRON_NOTICE
"""


class Files:
    """A receiver that is a folder, in which files say how it behaves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def set_receiver(self, state: Receiver) -> None:
        """Make and remove the files."""
        for name in ("down", "hanging"):
            if name == state:
                (self.folder / name).touch()
            else:
                (self.folder / name).unlink(missing_ok=True)


class ReportCase(Files):
    """The report command, with a script that keeps what it gets on stdin."""

    sender: Sender = REPORT

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "received").mkdir()
        (folder / "report.sh").write_text(REPORTER.format(folder=shlex.quote(str(folder))))

    def notice(self, body: str) -> Notice:
        """Return a notice for the script."""
        return Notice("report", f"sh {shlex.quote(str(self.folder / 'report.sh'))}", body)

    def lost_notice(self) -> Notice:
        """Return a notice without a command."""
        return Notice("report", " ", "x")

    def is_waiting(self) -> bool:
        """Whether the process of the script lives."""
        try:
            os.kill(int((self.folder / "pid").read_text()), 0)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return True

    def received(self) -> list[tuple[str, str]]:
        """Read the files, which are numbered."""
        files = sorted((self.folder / "received").iterdir(), key=lambda file: int(file.stem))
        return [(file.suffix[1:], file.read_bytes().decode()) for file in files]


class SpoolCase(Files):
    """The sender of the plug-in of the tests."""

    def __init__(self, folder: Path, sender: SpoolSender = SPOOL) -> None:
        super().__init__(folder)
        self.sender = sender

    def notice(self, body: str) -> Notice:
        """Return a notice for the folder."""
        return Notice("spool", str(self.folder), body)

    def lost_notice(self) -> Notice:
        """Return a notice for a folder that is not there."""
        return Notice("spool", str(self.folder / "nowhere"), "x")

    def is_waiting(self) -> bool:
        """Whether a call waits for the folder."""
        return self.sender.waiting > 0

    def received(self) -> list[tuple[str, str]]:
        """Read the lines."""
        spool = self.folder / "spool"
        lines = map(json.loads, spool.read_text().splitlines()) if spool.exists() else ()
        return [(line["id"], line["body"]) for line in lines]


class TestReportCommand(SenderConformance):
    """The built-in sender."""

    def make_case(self, folder: Path) -> ReportCase:
        """Return the script."""
        return ReportCase(folder)


class TestPlugIn(SenderConformance):
    """A sender of a plug-in."""

    def make_case(self, folder: Path) -> SpoolCase:
        """Return the spool."""
        return SpoolCase(folder)


def test_the_suite_can_be_called(tmp_path: Path) -> None:
    check_sender(SpoolCase, tmp_path)


# -- the suite catches what it is for ----------------------------------------------------------------
Send = Callable[[SpoolSender, Notice, SendContext], Awaitable[Receipt]]


class BrokenSender(SpoolSender):
    """A spool with one thing wrong."""

    def __init__(self, wrong: Send) -> None:
        super().__init__()
        self.wrong = wrong

    async def send(self, notice: Notice, context: SendContext) -> Receipt:
        """Do the wrong thing."""
        return await self.wrong(SPOOL, notice, context)


async def forgets(spool: SpoolSender, notice: Notice, context: SendContext) -> Receipt:
    return Receipt()


async def returns_nothing(spool: SpoolSender, notice: Notice, context: SendContext) -> Receipt:
    await spool.send(notice, context)
    return None  # type: ignore[return-value]  # this is what is wrong


async def trims(spool: SpoolSender, notice: Notice, context: SendContext) -> Receipt:
    text = notice.body.encode("ascii", "ignore").decode()
    return await spool.send(Notice(notice.kind, notice.target, text), context)


async def numbers_its_tries(spool: SpoolSender, notice: Notice, context: SendContext) -> Receipt:
    again = SendContext(id=f"{context.id}.{context.tries}", job=context.job)
    return await spool.send(notice, again)


async def gives_up_soon(spool: SpoolSender, notice: Notice, context: SendContext) -> Receipt:
    try:
        return await spool.send(notice, context)
    except SendFault as fault:
        raise SendFault(fault.message, permanent=True) from fault


async def never_gives_up(spool: SpoolSender, notice: Notice, context: SendContext) -> Receipt:
    try:
        return await spool.send(notice, context)
    except SendFault as fault:
        raise SendFault(fault.message) from fault


async def swallows_a_cancel(spool: SpoolSender, notice: Notice, context: SendContext) -> Receipt:
    try:
        return await spool.send(notice, context)
    except asyncio.CancelledError:
        return Receipt()


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (forgets, "not enough values"),
        (returns_nothing, "it was sent again|it returned None|waiting"),
        (trims, "arrived as"),
        (numbers_its_tries, "the tries had the ids"),
        (gives_up_soon, "given up, or taken for sent"),
        (never_gives_up, "it would be tried again"),
        (swallows_a_cancel, "swallowed the cancellation"),
    ],
)
def test_a_sender_that_is_wrong_is_caught(tmp_path: Path, wrong: Send, complaint: str) -> None:
    with pytest.raises((AssertionError, ValueError), match=complaint):
        check_sender(lambda folder: WatchedCase(folder, BrokenSender(wrong)), tmp_path)


class WatchedCase(SpoolCase):
    """A broken sender, whose calls wait in the spool that it uses."""

    def is_waiting(self) -> bool:
        """Ask the spool."""
        return SPOOL.waiting > 0


async def test_the_sender_of_the_page_works_as_it_is_printed(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "howto" / "gates.md"
    code = page.read_text("utf-8").split("```python\n")[1].split("```")[0]
    names: dict[str, Sender] = {}
    exec(code, names)
    context = SendContext(id="7", job="brief")
    await names["PAGER"].send(Notice("pager", str(tmp_path / "line"), "Full.", urgency="high"), context)
    assert (tmp_path / "line").read_text() == "7 high: Full.\n"
    with pytest.raises(SendFault) as caught:
        await names["PAGER"].send(Notice("pager", "", "Full."), context)
    assert caught.value.permanent
