"""The store's contract: a result is stored once, in the message that holds it, and read from either place."""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.run.conversation import Block, CallState, Message
from scheduler.core.run.step import CallResult, Step
from scheduler.testing.conformance.store.bench import NOON, Bench, answer, at, call, done, message

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


ASKED = (
    Step(at=at(1), messages=(message(1, "Say hello."),)),
    Step(at=at(2), messages=(answer(2, "t1", "t2"),), planned=(call("t1", 2), call("t2", 2, 1))),
    Step(at=at(3), started=("t1", "t2")),
)
LAST = replace(done("t2"), content=PICTURE)
FIRST_ENDS = Step(at=at(4), results=(done("t1", "one"),))
SECOND_ENDS = Step(at=at(5), results=(LAST,), messages=(told(3, t1="one", t2=PICTURE),))


async def test_a_result_is_found_by_every_reader_whether_its_message_is_there_or_not(bench: Bench) -> None:
    await bench.load()
    lease = await bench.running()
    expected = await bench.checkpoint(lease)
    for step in (*ASKED, FIRST_ENDS):
        await bench.store.commit(lease, step)
        expected = expected.apply(step)
    assert await bench.checkpoint(lease) == expected
    await bench.store.commit(lease, SECOND_ENDS)
    expected = expected.apply(SECOND_ENDS)
    assert await bench.checkpoint(lease) == expected
    assert [each.result for each in expected.calls] == ["one", PICTURE]
    with bench.history() as reader:
        assert tuple(reader.calls(lease.run_id)) == expected.calls


async def test_calls_that_end_with_no_message_keep_their_results(bench: Bench) -> None:
    await bench.load()
    lease = await bench.running()
    for step in ASKED:
        await bench.store.commit(lease, step)
    both = (done("t1", ""), CallResult("t2", CallState.UNKNOWN, "who knows"))
    await bench.store.commit(lease, Step(at=at(4), results=both))
    with bench.history() as reader:
        assert [each.result for each in reader.calls(lease.run_id)] == ["", "who knows"]
