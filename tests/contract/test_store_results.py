"""The store's contract: a result is stored once, in the message that holds it, and read from either place."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

from scheduler.core.run.conversation import Block, CallState, Message
from scheduler.core.run.step import CallResult, Step
from tests.contract.store_kit import NOON, Bench, answer, at, call, done, message

PICTURE: tuple[Block, ...] = ({"type": "text", "text": "ä \ud800"}, {"type": "image", "data": "x"})


def told(seq: int, **results: str | tuple[Block, ...]) -> Message:
    """Return the message that holds these results."""
    blocks = tuple(
        {
            "type": "tool_result",
            "tool_use_id": call_id,
            "content": result if isinstance(result, str) else list(result),
        }
        for call_id, result in results.items()
    )
    return Message(seq, "user", blocks, "untrusted:shell", NOON)


def in_calls(bench: Bench) -> dict[str, str | None]:
    """Return what the rows of the calls themselves hold."""
    with closing(sqlite3.connect(bench.path)) as database:
        return dict(database.execute("SELECT id, result FROM calls ORDER BY id").fetchall())


ASKED = (
    Step(at=at(1), messages=(message(1, "Say hello."),)),
    Step(at=at(2), messages=(answer(2, "t1", "t2"),), planned=(call("t1", 2), call("t2", 2, 1))),
    Step(at=at(3), started=("t1", "t2")),
)
LAST = replace(done("t2"), content=PICTURE)
FIRST_ENDS = Step(at=at(4), results=(done("t1", "one"),))
SECOND_ENDS = Step(at=at(5), results=(LAST,), messages=(told(3, t1="one", t2=PICTURE),))


async def test_a_result_moves_into_its_message_and_every_reader_finds_it(bench: Bench) -> None:
    await bench.load()
    lease = await bench.running()
    expected = await bench.checkpoint(lease)
    for step in (*ASKED, FIRST_ENDS):
        await bench.store.commit(lease, step)
        expected = expected.apply(step)
    assert in_calls(bench) == {"t1": '"one"', "t2": None}, "alone, it is kept by its call"
    await bench.store.commit(lease, SECOND_ENDS)
    expected = expected.apply(SECOND_ENDS)
    assert in_calls(bench) == {"t1": None, "t2": None}
    assert await bench.checkpoint(lease) == expected
    assert [each.result for each in expected.calls] == ["one", PICTURE]
    with bench.reader() as reader:
        assert tuple(reader.calls(lease.run_id)) == expected.calls


async def test_results_of_older_versions_are_read_from_their_calls(bench: Bench) -> None:
    await bench.load()
    lease = await bench.running()
    for step in (*ASKED, FIRST_ENDS, SECOND_ENDS):
        await bench.store.commit(lease, step)
    with closing(sqlite3.connect(bench.path)) as database, database:
        database.execute("""UPDATE calls SET result = '"one"' WHERE id = 't1'""")
    with bench.reader() as reader:
        assert [each.result for each in reader.calls(lease.run_id)] == ["one", PICTURE]
    assert [each.result for each in (await bench.checkpoint(lease)).calls] == ["one", PICTURE]


async def test_calls_that_end_with_no_message_keep_their_results(bench: Bench) -> None:
    await bench.load()
    lease = await bench.running()
    for step in ASKED:
        await bench.store.commit(lease, step)
    both = (done("t1", ""), CallResult("t2", CallState.UNKNOWN, "who knows"))
    await bench.store.commit(lease, Step(at=at(4), results=both))
    with bench.reader() as reader:
        assert [each.result for each in reader.calls(lease.run_id)] == ["", "who knows"]
