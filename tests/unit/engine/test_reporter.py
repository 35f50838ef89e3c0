"""The reporter: which notices it sends by a command, and which it does not send at all."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from scheduler.core.run.notice import Notice
from scheduler.engine import outbox as reporter
from scheduler.engine.settings import Settings
from scheduler.errors import SendFault
from scheduler.ports.sender import Receipt, SendContext
from scheduler.testing.world import open_world
from tests.kit.models import finish
from tests.kit.stage import stage


def outbox(home: Path) -> list[tuple[str, str, int, str]]:
    """Return kind, state, tries and error of each notice."""
    with closing(sqlite3.connect(home / "agentcron.db")) as database:
        return database.execute("SELECT kind, state, tries, error FROM outbox ORDER BY id").fetchall()


async def test_a_notice_of_an_unknown_kind_is_given_up_and_runs_no_command(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report = f'report="echo x >> {tmp_path}/ran"'
    async with stage(tmp_path, finish(), finish(), options=report) as s:
        odd = await s.play()
        with closing(sqlite3.connect(s.world.config.database)) as database, database:
            database.execute("UPDATE outbox SET kind = 'push'")  # as a newer version may write it
        known = await s.play()
        with caplog.at_level(logging.WARNING, logger="agentcron"):
            assert await s.world.send_reports() == 2
        assert (tmp_path / "ran").read_text() == "x\n", "the one that is known was sent, and nothing else"
        why = "no sender is known for a 'push' notice"
        assert outbox(tmp_path) == [("push", "given_up", 1, why), ("report", "sent", 1, "")]
        assert [record.getMessage() for record in caplog.records] == [
            f"run {odd.id}: its push notice was not sent: {why}"
        ]
        s.world.clock.advance(9999 * 60)
        assert await s.world.send_reports() == 0, f"neither again, nor that of {known.id}"


@dataclass
class Scripted:
    """A sender of `push` notices that says what it is told to, one answer a try."""

    answers: list[object]
    contexts: list[SendContext] = field(default_factory=list)
    kind: str = "push"

    async def send(self, notice: Notice, context: SendContext) -> Receipt:  # noqa: ARG002  (the port's)
        """Raise the next answer, or return it."""
        self.contexts.append(context)
        answer = self.answers.pop(0)
        if answer == "hang":
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]  # what a plug-in returns that has no types


async def pushed(
    home: Path, *answers: object, minutes: int = 2, job: str = "job", expires: float = 0
) -> tuple[Scripted, list[tuple[str, int, str]]]:
    """Try to send a `push` notice as often as it is due within some minutes; return what became of it."""
    sender = Scripted(list(answers))
    settings = Settings(report_seconds=0.01)
    async with open_world(home, senders=[sender], settings=settings) as world:
        now = world.clock.now()
        ends = now + timedelta(seconds=expires) if expires else None
        await world.store.queue_notice(Notice("push", "topic", "News.", expires_at=ends), now, job)
        for _ in range(minutes):
            await world.send_reports()
            world.clock.advance(60)
    return sender, [(state, tries, error) for _, state, tries, error in outbox(home)]


async def test_a_fault_that_passes_is_tried_again_with_the_same_id(tmp_path: Path) -> None:
    sender, rows = await pushed(tmp_path, SendFault("busy"), Receipt("m1"))
    assert rows == [("sent", 2, "")]
    first, second = sender.contexts
    assert first.id == second.id
    assert (first.tries, second.tries) == (1, 2)
    assert (first.run_id, first.job, first.state) == ("", "job", "")


async def test_another_try_that_would_come_too_late_is_not_made(tmp_path: Path) -> None:
    _, rows = await pushed(tmp_path, SendFault("busy"), expires=60)
    assert rows == [("given_up", 1, "busy, and it expires before another try")]


@pytest.mark.parametrize(("job", "about"), [("job", "job job: a"), ("", "a")])
async def test_the_log_says_what_the_notice_was_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, job: str, about: str
) -> None:
    with caplog.at_level(logging.WARNING, logger="agentcron"):
        await pushed(tmp_path, SendFault("busy"), minutes=1, job=job)
    assert [r.getMessage() for r in caplog.records] == [f"{about} push notice was not sent: busy"]


async def test_a_permanent_fault_is_given_up_at_once_with_its_reason(tmp_path: Path) -> None:
    _, rows = await pushed(tmp_path, SendFault("no such topic", permanent=True))
    assert rows == [("given_up", 1, "no such topic")]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ValueError("x"), "the sender broke: ValueError: x"),
        (TimeoutError(), "the sender broke: TimeoutError: "),
        (False, "the sender gave False in place of a receipt"),
        (None, "the sender gave None in place of a receipt"),
    ],
)
async def test_a_sender_that_breaks_stops_no_other_notice(tmp_path: Path, answer: object, error: str) -> None:
    _, rows = await pushed(tmp_path, answer, minutes=1)
    assert rows == [("waiting", 1, error)]


async def test_a_sender_that_hangs_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter, "GRACE_SECONDS", 0.01)
    _, rows = await pushed(tmp_path, "hang", minutes=1)
    assert rows == [("waiting", 1, "the sender took longer than 0.01 s")]


async def test_what_a_sender_says_of_a_secret_is_not_stored(tmp_path: Path) -> None:
    sender = Scripted([SendFault("https://push.test/s3cr3t-t0ken refused it")])
    async with stage(tmp_path) as s:
        await s.world.store.queue_notice(Notice("push", "topic", "News."), s.world.clock.now())
        hiding = SimpleNamespace(hidden=lambda text: text.replace("s3cr3t-t0ken", "[secret TOPIC]"))
        services = replace(s.world.services, sender_for=lambda _: sender, secrets=hiding)
        assert await reporter.send_notices(services, "r1") == 1
        assert outbox(tmp_path)[0][3] == "https://push.test/[secret TOPIC] refused it"
