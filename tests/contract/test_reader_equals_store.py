"""The plain reader says what the store says, in every value; and it finds things for people."""

from __future__ import annotations

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.job.firing import Fire
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.job.standing import BrokenJob, RunnerInfo
from scheduler.core.run.run import Move
from scheduler.core.run.step import Step
from scheduler.errors import NotFoundError, StoreError
from scheduler.ports.store.database import Database
from scheduler.testing.conformance.store.bench import NOON, Bench, at, make_job, message, parked, sleep
from tests.contract.test_store_steps import LIFE


@pytest.fixture
async def busy(bench: Bench) -> Bench:
    """Return a bench with a bit of everything."""
    await bench.load(
        make_job(),
        make_job("off", enabled=False),
        make_job("tired", pause_after=1),
        broken=(BrokenJob("typo", "hour 25 is out of range"),),
    )
    lease = await bench.running()
    for step in LIFE:
        await bench.store.commit(lease, step)
    await bench.store.commit(await bench.running(make_job("nap"), 2), sleep(3, until=90))
    await bench.store.commit(await bench.running(make_job("stuck"), 3), parked(4))
    await bench.end(await bench.running(make_job("tired", pause_after=1), 4), Move.FAIL, 5, reason="no")
    late = Fire(at(3600), "skip", ReasonCode.MISFIRE, "too late", missed=3, last_missed=at(1800))
    await bench.fire_as(make_job(), late, next_fire=at(7200), now=at(4000))
    await bench.store.enter(RunnerInfo("r1", "daemon", "host", 42, NOON, at(3), "/crontab", "/lock"))
    return bench


async def test_every_run_reads_the_same(busy: Bench) -> None:
    with busy.history() as reader:
        runs = reader.runs(limit=100)
        assert len(runs) == 5
        for run in runs:
            assert await busy.store.run(run.id) == run
            assert reader.run(run.id) == run


async def test_standings_runners_and_meta_read_the_same(busy: Bench) -> None:
    with busy.history() as reader:
        assert reader.standings() == await busy.store.standings()
        assert [standing.state for standing in reader.standings()] == [
            *("active", "paused", "paused", "invalid"),
        ]
        assert reader.runners() == await busy.store.runners()
        assert reader.meta() == await busy.store.meta()


async def test_a_conversation_reads_the_same(bench: Bench) -> None:
    lease = await bench.running()
    for step in LIFE:
        await bench.store.commit(lease, step)
    stored = await bench.checkpoint(lease)
    with bench.history() as reader:
        assert tuple(reader.messages(lease.run_id)) == stored.messages
        calls = reader.calls(lease.run_id)
        assert [call.id for call in calls] == ["t1", "t2", "t3", "t4"]
        assert tuple(calls[3:]) == stored.calls
        assert reader.job_of(lease.run_id) == stored.job
        requests = reader.requests(lease.run_id)
        assert [(request.number, request.state) for request in requests] == [
            *((1, "failed"), (2, "answered"), (3, "answered")),
        ]
        assert requests[1] == LIFE[4].closed


async def test_live_runs_are_those_that_are_not_over(busy: Bench) -> None:
    with busy.history() as reader:
        assert [run.job for run in reader.live_runs()] == ["brief", "nap", "stuck"]


async def test_the_last_run_of_each_job_is_found_at_once(busy: Bench) -> None:
    with busy.history() as history:
        last = history.last_ends()
    assert {job: end.state for job, end in last.items()} == {"brief": "skipped", "tired": "failed"}
    run = await busy.run(last["brief"].id)
    assert (last["brief"].ended_at, last["brief"].reason_code) == (run.ended_at, run.reason_code)


async def test_runs_are_listed_newest_first_and_by_job(busy: Bench) -> None:
    with busy.history() as reader:
        assert [run.job for run in reader.runs(limit=2)] == ["brief", "tired"]
        assert [str(run.state) for run in reader.runs(job="brief")] == ["skipped", "running"]
        assert reader.runs(job="nobody") == []


async def test_the_runs_around_an_instant_come_in_order(bench: Bench) -> None:
    job = make_job()
    await bench.load(job)
    slots = [Fire(at(hour * 3600), "skip", ReasonCode.MISFIRE) for hour in range(1, 9)]
    await bench.fire_as(job, *slots, next_fire=None)
    with bench.history() as reader:
        around = reader.runs_around("brief", at(4 * 3600 + 5), limit=2)
        assert [run.fire_time for run in around] == [at(hour * 3600) for hour in (3, 4, 5, 6)]
        assert reader.runs_around("nobody", NOON) == []


async def test_a_run_is_found_by_the_beginning_of_its_id(bench: Bench) -> None:
    first = await bench.queue()
    other = await bench.open_more("b")
    second = await other.fire_by(make_job("other"), NOON, actor=PERSON)
    assert second is not None
    with bench.history() as reader:
        assert reader.run("a") == first
        assert reader.run("b0") == second


async def test_an_ambiguous_beginning_names_the_runs(bench: Bench) -> None:
    for _ in range(2):
        await bench.queue()
    with bench.history() as reader, pytest.raises(NotFoundError, match="more than one") as caught:
        reader.run("a")
    assert "a001 (brief)" in caught.value.help
    assert "a002 (brief)" in caught.value.help


@pytest.mark.parametrize("prefix", ["a01", "%", "_001", ""])
async def test_an_unknown_run_is_answered_with_a_guess(bench: Bench, prefix: str) -> None:
    await bench.queue()
    with bench.history() as reader, pytest.raises(NotFoundError) as caught:
        reader.run(prefix)
    assert "a001" in caught.value.help


async def test_without_any_run_it_says_how_to_get_one(bench: Bench) -> None:
    with bench.history() as reader, pytest.raises(NotFoundError, match="nothing has run") as caught:
        reader.run("k7")
    assert "agentcron run" in caught.value.help


async def test_a_steady_reader_sees_one_moment(bench: Bench) -> None:
    lease = await bench.running()
    with bench.history() as reader:
        with reader.steady():
            assert reader.messages(lease.run_id) == []
            await bench.store.commit(lease, Step(at=at(1), messages=(message(1, "new"),)))
            assert reader.messages(lease.run_id) == []
        assert len(reader.messages(lease.run_id)) == 1


def test_a_missing_database_is_said_and_not_made(database: Database) -> None:
    with pytest.raises(StoreError, match="there is no agentcron database") as caught:
        database.history()
    assert "agentcron up" in caught.value.help
    assert not database.exists()
