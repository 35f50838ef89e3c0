"""Transcripts of foreign agents: pieces that go with the steps of their run."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from scheduler.core.changes.transcript import CONTENT, KIND, NOTHING, KeepTranscript, Kept
from scheduler.core.run.lease import Lease
from scheduler.core.run.step import Step
from scheduler.errors import LostLeaseError
from scheduler.testing.conformance.store.bench import Bench, at, message

pytestmark = pytest.mark.anyio


def piece(seq: int, data: bytes, before: bytes = b"", *, is_whole: bool = False) -> KeepTranscript:
    return KeepTranscript(seq, data, sha256(before + data).hexdigest(), is_whole)


async def keep(bench: Bench, lease: Lease, *pieces: KeepTranscript, first: bool = False) -> None:
    messages = (message(1, "Go."),) if first else ()
    await bench.store.commit(lease, Step(at=at(1), messages=messages, changes=pieces))


async def content(bench: Bench, lease: Lease) -> bytes:
    found = await bench.store.part(lease, CONTENT, at(2))
    assert isinstance(found, bytes)
    return found


async def test_pieces_add_up_and_the_checkpoint_says_how_much_is_kept(bench: Bench) -> None:
    lease = await bench.running()
    assert (await bench.checkpoint(lease)).parts[KIND] == NOTHING
    assert await content(bench, lease) == b""
    await keep(bench, lease, piece(1, b"\xff\x00one"), first=True)
    await keep(bench, lease, piece(2, b"two", b"\xff\x00one"))
    assert await content(bench, lease) == b"\xff\x00onetwo"
    kept = Kept(2, 8, sha256(b"\xff\x00onetwo").hexdigest())
    assert (await bench.checkpoint(lease)).parts[KIND] == kept


async def test_a_checkpoint_that_is_moved_on_is_the_one_that_would_be_read(bench: Bench) -> None:
    lease = await bench.running()
    checkpoint = await bench.checkpoint(lease)
    steps = [
        Step(at=at(1), messages=(message(1, "Go."),), changes=(piece(1, b"one"),)),
        Step(at=at(1), changes=(piece(2, b"two", b"one"),)),
        Step(at=at(1), changes=(piece(3, b"new", is_whole=True),)),
    ]
    for step in steps:
        await bench.store.commit(lease, step)
        checkpoint = checkpoint.apply(step)
        assert checkpoint.parts[KIND] == (await bench.checkpoint(lease)).parts[KIND]


async def test_a_piece_that_is_the_whole_takes_the_place_of_all_before(bench: Bench) -> None:
    lease = await bench.running()
    await keep(bench, lease, piece(1, b"one"), first=True)
    await keep(bench, lease, piece(2, b"short", is_whole=True))
    assert await content(bench, lease) == b"short"


async def test_who_lost_the_lease_keeps_nothing(bench: Bench) -> None:
    lease = await bench.running()
    await keep(bench, lease, piece(1, b"one"), first=True)
    old = replace(lease, epoch=lease.epoch - 1)
    with pytest.raises(LostLeaseError):
        await keep(bench, old, piece(2, b"two", b"one"))
    assert await content(bench, lease) == b"one"
