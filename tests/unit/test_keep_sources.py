"""The keeper of sources: what a source may do wrong, and what it costs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from scheduler.core.run.event import Event, Wanted
from scheduler.core.time.triggers.base import EventKind
from scheduler.core.time.triggers.event import Event as OnEvent
from scheduler.duties import sources as duty
from scheduler.duties.sources import keep_sources
from scheduler.engine.intake import MAX_NAME_BYTES, take
from scheduler.errors import BadRowError, RefusedError, StoreError
from scheduler.ports.source import Source, SourceContext
from scheduler.ports.store.intake import Taken
from scheduler.testing.clock import FakeClock
from scheduler.testing.world import World, open_world
from tests.kit.stage import until

KIND = "repo:push"
CANARY = "canary-4711-and-more"

Does = Callable[[SourceContext], Awaitable[None]]


@dataclass
class Told:
    """A source that does what a test says."""

    does: Does
    starts: list[SourceContext] = field(default_factory=list)

    def declares(self) -> Sequence[EventKind]:
        """One kind."""
        return (EventKind(KIND, subject="REPO", options=("state",)),)

    async def watch(self, context: SourceContext) -> None:
        """Do it."""
        self.starts.append(context)
        await self.does(context)


class Pauses(FakeClock):
    """Keeps what was slept; each pause takes a moment of real time, so that a loop starves nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Keep it."""
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0.001)


@asynccontextmanager
async def keeping(
    world: World, *sources: Source, faults: Sequence[str] = (), moved: Callable[[], None] = lambda: None
) -> AsyncIterator[asyncio.Task[None]]:
    """Run sources called s0, s1 and so on."""
    named = {f"s{index}": source for index, source in enumerate(sources)}
    task = asyncio.create_task(
        keep_sources(
            world.services,
            find=lambda: (named, faults),
            folder=world.config.sources,
            moved=moved,
            jobs=lambda: world.jobs,
        )
    )
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def forever(_: SourceContext) -> None:
    await asyncio.Event().wait()


async def recorded(world: World, key: str) -> bool:
    """Whether an event is on record; asks by reporting it again."""
    return not (await take(world.services, Event(KIND, world.clock.now(), key))).recorded


def emits(*keys: str, result: list[bool] | None = None) -> Does:
    async def does(context: SourceContext) -> None:
        for key in keys:
            new = await context.emit(KIND, key=key)
            if result is not None:
                result.append(new)
        await forever(context)

    return does


async def test_a_source_has_a_folder_of_its_own_and_is_told_what_is_new(tmp_path: Path) -> None:
    result: list[bool] = []
    source = Told(emits("a", "b", "a", result=result))
    async with open_world(tmp_path) as world, keeping(world, source):
        await until(lambda: len(result) == 3)
        assert result == [True, True, False]
        [context] = source.starts
        assert context.folder == world.config.sources / "s0"
        assert context.folder.stat().st_mode & 0o777 == 0o700


async def test_what_an_event_queues_is_looked_at_soon(tmp_path: Path) -> None:
    moved: list[int] = []
    async with open_world(tmp_path) as world:
        orders = await world.load('@manual  job  "Go."\n')
        job = replace(orders.jobs[0], trigger=OnEvent(KIND))
        await world.store.load_orders(replace(orders, jobs=(job,)), world.clock.now())
        async with keeping(world, Told(emits("a", "a", "b")), moved=lambda: moved.append(1)):
            await until(lambda: len(world.runs("job")) == 2)
            await until(lambda: len(moved) == 2)
        assert {run.cause.key for run in world.runs("job")} == {"a", "b"}


async def test_a_source_that_fails_stops_no_other_and_comes_back_after_pauses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, result = Pauses(), list[bool]()

    async def fails(_: SourceContext) -> None:
        raise ConnectionError(f"no answer {len(broken.starts) > 3}")

    broken = Told(fails)
    async with (
        open_world(tmp_path, clock=clock) as world,
        keeping(world, broken, Told(emits("a", result=result)), faults=["the source x cannot be loaded"]),
    ):
        await until(lambda: len(broken.starts) >= 14)
        assert result == [True]
    assert clock.slept[:12] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    failures = [line for line in caplog.messages if "the source s0 failed" in line]
    assert failures == [
        "the source s0 failed: ConnectionError: no answer False; it is run again",
        "the source s0 failed: ConnectionError: no answer True; it is run again",
    ]
    assert "the source x cannot be loaded; its events are not seen" in caplog.messages


async def test_a_source_that_has_worked_in_between_begins_again_with_short_pauses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agentcron")
    clock = Pauses()

    async def works_at_times(context: SourceContext) -> None:
        if len(source.starts) % 3 == 0:
            await context.emit(KIND, key=str(len(source.starts)))
        raise ConnectionError("no answer")

    source = Told(works_at_times)
    async with open_world(tmp_path, clock=clock) as world, keeping(world, source):
        await until(lambda: len(source.starts) >= 8)
    assert clock.slept[:7] == [1, 2, 1, 2, 4, 1, 2]
    said = [line.split("; ")[0] for line in caplog.messages if "the source s0" in line]
    failed, works = "the source s0 failed: ConnectionError: no answer", "the source s0 works again"
    assert said[:4] == [failed, works, failed, works]


@pytest.mark.parametrize(
    ("error", "complaint"),
    [
        (SystemExit(3), "it would have ended the daemon: sys.exit(3)"),
        (asyncio.CancelledError(), "CancelledError: it was cancelled"),
        (BadRowError("too long"), "too long"),
    ],
)
async def test_any_end_that_it_does_not_choose_is_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, error: BaseException, complaint: str
) -> None:
    async def fails(_: SourceContext) -> None:
        raise error

    source = Told(fails)
    async with open_world(tmp_path, clock=Pauses()) as world, keeping(world, source):
        await until(lambda: len(source.starts) >= 2)
    assert complaint in caplog.text


async def test_a_source_that_returns_is_not_called_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "agentcron")

    async def returns(_: SourceContext) -> None:
        return

    source = Told(returns)
    async with open_world(tmp_path) as world, keeping(world, source) as task:
        await asyncio.wait({task}, timeout=20)
        assert task.done()
    assert (len(source.starts), "the source s0 has nothing to watch" in caplog.text) == (1, True)


async def test_an_outage_of_the_database_is_no_failure_of_the_source(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, left, result = Pauses(), [5], list[bool]()
    async with open_world(tmp_path, clock=clock) as world:
        take_event = world.store.take_event

        async def failing(event: Event) -> Taken:
            left[0] -= 1
            if left[0] >= 0:
                raise StoreError("the disk is full")
            return await take_event(event)

        monkeypatch.setattr(world.store, "take_event", failing)
        async with keeping(world, Told(emits("a", result=result))):
            await until(lambda: result)
    assert result == [True]
    assert clock.slept == [world.services.settings.poll_seconds * 4] * 5
    assert "failed" not in caplog.text


@pytest.mark.parametrize(
    ("kind", "key", "complaint"),
    [("repo:tag", "a", "does not declare events of the kind 'repo:tag'"), (KIND, "", "has no key")],
)
async def test_what_it_does_not_declare_and_what_has_no_key_is_refused(
    tmp_path: Path, kind: str, key: str, complaint: str
) -> None:
    told: list[str] = []

    async def wrong(context: SourceContext) -> None:
        with pytest.raises(RefusedError) as caught:
            await context.emit(kind, key=key)
        told.append(caught.value.message)

    async with open_world(tmp_path) as world, keeping(world, Told(wrong)) as task:
        await asyncio.wait({task}, timeout=20)
    assert complaint in told[0]


async def test_one_that_does_not_end_is_left_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duty, "CLOSE_SECONDS", 0.1)
    over = asyncio.Event()

    async def stubborn(_: SourceContext) -> None:
        while not over.is_set():
            with suppress(asyncio.CancelledError):
                await over.wait()

    async def noisy(_: SourceContext) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("cannot close")

    sources = Told(stubborn), Told(noisy)
    async with open_world(tmp_path) as world, keeping(world, *sources) as task:
        await until(lambda: all(source.starts for source in sources))
        task.cancel()
        await asyncio.wait({task}, timeout=20)
        assert task.cancelled()
        over.set()
    assert "the source s0 has not ended within 0.1 s" in caplog.text
    assert "the source s1 ended with an error: OSError: cannot close" in caplog.text


async def test_what_it_reports_is_a_strangers_word_without_secrets_and_within_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_VARIABLE", CANARY)
    seen: list[Event] = []

    async def long(context: SourceContext) -> None:
        text = f"{CANARY} {'x' * 10**6}\ud800"
        for key in ("k" * 5000 + "1", "k" * 5000 + "2"):
            await context.emit(KIND, key=key, subject=f"{CANARY}{'é' * 5000}", payload=text)

    async with open_world(tmp_path) as world:
        await world.load('SECRET.TOKEN = env:CANARY_VARIABLE\n@manual  job  "Go."\n')
        take_event = world.store.take_event

        async def kept(event: Event) -> Taken:
            seen.append(event)
            return await take_event(event)

        monkeypatch.setattr(world.store, "take_event", kept)
        async with keeping(world, Told(long)) as task:
            await asyncio.wait({task}, timeout=20)
    assert [(event.source, event.provenance) for event in seen] == [("s0", "untrusted:s0")] * 2
    assert len({event.key for event in seen}) == 2, "two keys that differ at their end stay two"
    for event in seen:
        assert event.payload.startswith("[secret TOKEN] xxx")
        assert event.subject.startswith("[secret TOKEN]é")
        assert len(event.payload.encode()) < 100_200
        assert max(len(event.key.encode()), len(event.subject.encode())) <= MAX_NAME_BYTES
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or CANARY.encode() not in file.read_bytes(), file


async def test_secrets_that_come_with_a_new_crontab_are_known_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_VARIABLE", CANARY)
    ask = asyncio.Event()

    async def when_asked(context: SourceContext) -> None:
        await context.emit(KIND, key="a")
        await ask.wait()
        await context.emit(KIND, key="b", payload=CANARY)

    async with open_world(tmp_path) as world:
        await world.load('@manual  job  "Go."\n')
        async with keeping(world, Told(when_asked)) as task:
            await until(lambda: (world.config.sources / "s0").exists())
            await world.load('SECRET.TOKEN = env:CANARY_VARIABLE\n@manual  job  "Go."\n')
            ask.set()
            await asyncio.wait({task}, timeout=20)
        assert await recorded(world, "b")
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or CANARY.encode() not in file.read_bytes(), file


async def test_it_is_told_what_is_wanted(tmp_path: Path) -> None:
    told: list[Sequence[Wanted]] = []

    async def asks(context: SourceContext) -> None:
        told.append(await context.wanted())

    async with open_world(tmp_path) as world:
        orders = await world.load('@manual  job  "Go."\n')
        job = replace(orders.jobs[0], trigger=OnEvent(KIND, "own*", (("state", "new"),)))
        await world.store.load_orders(replace(orders, jobs=(job,)), world.clock.now())
        async with keeping(world, Told(asks)) as task:
            await asyncio.wait({task}, timeout=20)
    assert told == [[Wanted(KIND, "own*", {"state": "new"})]]
