"""The transcript of a foreign agent: written with the next step, whatever that is, and read back whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.core.changes import transcript
from scheduler.core.run.conversation import Usage
from scheduler.core.run.run import State
from scheduler.core.text.redact import Redactor
from scheduler.errors import RefusedError
from scheduler.ports.backend import Desk, ForeignCall, Rested
from scheduler.ports.secrets import NoSecrets
from tests.kit.office import CENT, Office, act, office, one

SLEEP = ForeignCall("call-9", "sleep", {"until": "1h", "reason": "a rest"})


def pieces(o: Office) -> list[bytes]:
    """Return what is stored."""
    with closing(sqlite3.connect(o.world.config.database)) as database:
        return [data for (data,) in database.execute("SELECT data FROM sessions ORDER BY seq")]


async def test_a_piece_goes_with_the_next_step_and_is_there_in_the_next_attempt(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        assert await desk.transcript() == b""
        await desk.keep_transcript(b"one ")
        await desk.keep_transcript(b"two ")
        assert pieces(o) == []
        await desk.said("Hello.")
        assert pieces(o) == [b"one two "]
        await act(desk, one())
        assert pieces(o) == [b"one two "]
        await desk.keep_transcript(b"three ")
        assert isinstance(await desk.begin(SLEEP), Rested)
        assert pieces(o) == [b"one two ", b"three "]
        with pytest.raises(ValueError, match="the run is sleeping"):
            await desk.keep_transcript(b"late")

    async def go_on(desk: Desk) -> None:
        await desk.keep_transcript(b"four")
        await desk.begin(SLEEP)
        assert await desk.transcript() == b"one two three four"
        await desk.end("Done.")

    async with office(tmp_path, play, go_on) as o:
        run = await o.play()
        await o.world.jump()
        assert (await o.world.run(run.id)).state is State.SUCCEEDED
        assert pieces(o)[-1] == b"four"


async def test_a_piece_goes_with_the_step_in_which_a_run_rests_for_money(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        await desk.keep_transcript(b"kept")
        assert not await desk.used(Usage(input_tokens=1), 9 * CENT)

    async with office(tmp_path, play, options="budget=0.05/run,0.05/day") as o:
        run = await o.play()
        assert run.state is State.PARKED
        assert pieces(o) == [b"kept"]


async def test_a_whole_piece_replaces_what_was_kept(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        await desk.keep_transcript(b"long")
        await desk.said("Hello.")
        await desk.keep_transcript(b"lost")
        await desk.keep_transcript(b"sh", is_whole=True)
        await desk.keep_transcript(b"ort")
        await desk.said("Again.")
        assert await desk.transcript() == b"short"
        await desk.end("Done.")

    async with office(tmp_path, play) as o:
        assert (await o.play()).state is State.SUCCEEDED
        assert pieces(o) == [b"short"]


async def test_a_damaged_transcript_is_not_given_back_and_gives_way(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        await desk.keep_transcript(b"one")
        await desk.begin(SLEEP)

    async def go_on(desk: Desk) -> None:
        assert await desk.transcript() == b""
        await desk.keep_transcript(b"new")
        await desk.begin(SLEEP)
        assert await desk.transcript() == b"new"
        await desk.end("Done.")

    async with office(tmp_path, play, go_on) as o:
        run = await o.play()
        with closing(sqlite3.connect(o.world.config.database)) as database, database:
            database.execute("UPDATE sessions SET data = x'78'")
        await o.world.jump()
        assert (await o.world.run(run.id)).state is State.SUCCEEDED
        assert pieces(o) == [b"new"]
    assert "transcript is damaged" in caplog.text


async def test_a_transcript_that_is_too_large_fails_the_run_with_a_clear_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.engine.attempt.transcripts.MAX_BYTES", 10)
    assert transcript.MAX_BYTES == 32 * 1024**2

    async def play(desk: Desk) -> None:
        await desk.open()
        await desk.keep_transcript(b"0123456789")
        with pytest.raises(RefusedError, match="11 bytes, more than the 10"):
            await desk.keep_transcript(b"x")
        await desk.keep_transcript(b"instead", is_whole=True)
        await desk.said("Hello.")
        await desk.keep_transcript(b"0123")

    async with office(tmp_path, play) as o:
        run = await o.play()
        assert (run.state, run.reason_code) == (State.FAILED, "config")
        assert "11 bytes, more than the 10 that are kept of a run" in run.reason
        assert pieces(o) == [b"instead"]


class Known(NoSecrets):
    """One secret."""

    def __init__(self) -> None:
        self.hidden = Redactor({"TOKEN": frozenset({"hunter2hunter2"})}).hidden  # type: ignore[method-assign]


async def test_known_secrets_are_not_stored(tmp_path: Path) -> None:
    async def play(desk: Desk) -> None:
        await desk.open()
        await desk.keep_transcript(b"\xff token hunter2hunter2\n")
        await desk.said("Hello.")
        assert await desk.transcript() == b"\xff token [secret TOKEN]\n"
        await desk.end("Done.")

    async with office(tmp_path, play) as o:
        o.world.services = replace(o.world.services, secrets=Known())
        assert (await o.play()).state is State.SUCCEEDED
        assert pieces(o) == [b"\xff token [secret TOKEN]\n"]
