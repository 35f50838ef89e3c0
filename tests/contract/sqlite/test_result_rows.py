"""A result is stored once: by its call while it is alone, then in the message that holds it."""

from __future__ import annotations

from scheduler.testing.conformance.store.bench import Bench
from tests.contract.sqlite.rows import change, select
from tests.contract.test_store_results import ASKED, FIRST_ENDS, PICTURE, SECOND_ENDS


def in_calls(bench: Bench) -> dict[str, str | None]:
    """Return what the rows of the calls themselves hold."""
    return dict(select(bench, "SELECT id, result FROM calls ORDER BY id"))


async def test_a_result_moves_into_its_message(bench: Bench) -> None:
    await bench.load()
    lease = await bench.running()
    for step in (*ASKED, FIRST_ENDS):
        await bench.store.commit(lease, step)
    assert in_calls(bench) == {"t1": '"one"', "t2": None}, "alone, it is kept by its call"
    await bench.store.commit(lease, SECOND_ENDS)
    assert in_calls(bench) == {"t1": None, "t2": None}


async def test_results_of_older_versions_are_read_from_their_calls(bench: Bench) -> None:
    await bench.load()
    lease = await bench.running()
    for step in (*ASKED, FIRST_ENDS, SECOND_ENDS):
        await bench.store.commit(lease, step)
    change(bench, """UPDATE calls SET result = '"one"' WHERE id = 't1'""")
    with bench.history() as reader:
        assert [each.result for each in reader.calls(lease.run_id)] == ["one", PICTURE]
    assert [each.result for each in (await bench.checkpoint(lease)).calls] == ["one", PICTURE]
