"""Halted: at whatever moment of a run it happens, nothing starts, nothing is lost, and all goes on later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scheduler.adapters.halt_file import HaltFile
from scheduler.core.run.conversation import CallState
from scheduler.core.run.lease import Lease
from scheduler.core.run.run import State
from scheduler.core.run.step import Step
from scheduler.ports.tool import Args, Probe, ToolAnswer, ToolContext
from tests.kit.house import SHORT, house, serving
from tests.kit.models import call, finish, sleep
from tests.kit.stage import Recorder, Stage, hang, stage, until


def switch(s: Stage) -> HaltFile:
    """The kill switch of a stage's home."""
    return HaltFile(s.world.config.halt)


async def test_a_queued_run_is_not_claimed_and_starts_after_the_halt(tmp_path: Path) -> None:
    async with stage(tmp_path, finish()) as s:
        switch(s).write("stop")
        run = await s.play()
        assert run.state is State.QUEUED
        assert s.world.model.asks == []

        switch(s).remove()
        await s.world.settle()
        assert (await s.world.run(run.id)).state is State.SUCCEEDED


async def test_a_sleeper_sleeps_on_past_its_time_and_is_woken_after_the_halt(tmp_path: Path) -> None:
    async with stage(tmp_path, sleep("1h"), finish()) as s:
        run = await s.play()
        switch(s).write("stop")
        s.world.clock.advance(7200)
        await s.world.settle()
        assert (await s.world.run(run.id)).state is State.SLEEPING

        switch(s).remove()
        await s.world.settle()
        assert (await s.world.run(run.id)).state is State.SUCCEEDED


async def test_a_halt_during_a_call_lets_it_end_and_hands_the_run_back(tmp_path: Path) -> None:
    look = Recorder(effect="opaque")
    async with stage(tmp_path, call(("look", {})), finish(), recorders=(look,)) as s:

        async def halt(_: Args) -> ToolAnswer:
            switch(s).write("I have seen enough")
            return "done"

        look.then = halt
        run = await s.play()
        assert run.state is State.QUEUED
        assert run.attempts == 1
        assert [each.state for each in s.calls(run.id)] == [CallState.DONE]
        assert len(s.world.model.asks) == 1

        switch(s).remove()
        await s.world.settle()
        run = await s.world.run(run.id)
        assert (run.state, run.attempts) == (State.SUCCEEDED, 1)


async def test_a_halt_between_the_record_and_the_effect_takes_the_record_back(tmp_path: Path) -> None:
    look = Recorder(effect="opaque")
    async with stage(tmp_path, call(("look", {})), finish(), recorders=(look,)) as s:
        commit = s.world.store.commit

        async def halting(lease: Lease, step: Step) -> bool:
            asked = await commit(lease, step)
            if step.started:
                switch(s).write("now")
            return asked

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(s.world.store, "commit", halting)
            run = await s.play()
        assert look.calls == []
        assert [each.state for each in s.calls(run.id)] == [CallState.PLANNED]
        assert run.state is State.QUEUED

        switch(s).remove()
        await s.world.settle()
        assert len(look.calls) == 1
        assert (await s.world.run(run.id)).state is State.SUCCEEDED


async def test_a_halt_between_the_record_and_the_request_sends_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, finish()) as s:
        commit = s.world.store.commit

        async def halting(lease: Lease, step: Step) -> bool:
            asked = await commit(lease, step)
            if step.opened:
                switch(s).write("now")
            return asked

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(s.world.store, "commit", halting)
            run = await s.play()
        assert s.world.model.asks == []
        assert [request.error for request in s.requests(run.id)] == ["halted before it was sent: now"]
        assert (run.state, run.unknown_cost_requests) == (State.QUEUED, 0)

        switch(s).remove()
        await s.world.settle()
        assert (await s.world.run(run.id)).state is State.SUCCEEDED


async def test_a_doubtful_call_is_not_even_probed(tmp_path: Path) -> None:
    probed: list[Args] = []

    async def probe(args: Args, _: ToolContext) -> Probe:
        probed.append(args)
        return "happened"

    look = Recorder(effect="probe", then=hang, probe=probe)
    async with stage(tmp_path, call(("look", {})), finish(), recorders=(look,)) as s:
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        await look.begun.wait()
        await underway.kill()

        switch(s).write("stop")
        await s.world.take_over()
        assert probed == []
        assert [each.state for each in s.calls(run_id)] == [CallState.STARTED]

        switch(s).remove()
        await s.world.settle()
        assert len(probed) == 1
        assert s.calls(run_id)[0].state is CallState.DONE


async def test_no_report_is_sent_while_halted(tmp_path: Path) -> None:
    options = f'report="cat >> {tmp_path}/reports"'
    async with stage(tmp_path / "home", finish("Over."), options=options) as s:
        await s.play()
        switch(s).write("stop")
        assert await s.world.send_reports() == 0
        assert not (tmp_path / "reports").exists()
        switch(s).remove()
        assert await s.world.send_reports() == 1
        assert "Over." in (tmp_path / "reports").read_text()


async def test_a_daemon_cuts_off_what_does_not_end_and_continues_by_itself(tmp_path: Path) -> None:
    look = Recorder(then=hang)
    settings = replace(SHORT, halt_seconds=0.2)
    async with house(tmp_path, recorders=(look,), settings=settings) as h:
        h.model.lines[:] = [call(("look", {})), finish()]
        h.crontab('@manual  job  "Look."\n')
        file = HaltFile(h.world.config.halt)
        async with serving(h.runner()):
            await until(lambda: h.loads)
            await h.load_and_fire("job")
            await until(look.begun.is_set)
            file.write("it hangs")
            await until(lambda: h.count(State.QUEUED))

            look.then = None
            file.remove()
            await until(lambda: h.count(State.SUCCEEDED))
