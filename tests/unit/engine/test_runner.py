"""The runner: a daemon on the real clock, with short waits; and single passes."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.job.standing import LoadReport
from scheduler.core.run.run import State
from scheduler.engine.outbox import send_notices
from scheduler.engine.services import Services
from scheduler.errors import StoreError
from tests.kit.house import SHORT, house, serving
from tests.kit.models import call, finish, sleep
from tests.kit.stage import Recorder, hang, until


async def test_a_daemon_fires_what_is_due_runs_it_and_leaves_in_order(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.crontab('@every 1s  beat  "Beat."\n')
        async with serving(h.runner()):
            await until(lambda: h.count(State.SUCCEEDED) >= 1)
            assert [info.id for info in await h.world.store.runners()] == ["r1"]
        assert await h.world.store.runners() == []


async def test_a_changed_crontab_is_noticed(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.crontab('@manual  one  "x"\n')
        async with serving(h.runner()):
            await until(lambda: h.loads)
            h.crontab('@manual  one  "y"\n@manual  two  "x"\n')
            await until(lambda: len(h.loads) == 2)
            assert (h.loads[1].added, h.loads[1].changed) == (("two",), ("one",))
            h.crontab('@manual  two  "x"\n')
            await until(lambda: len(h.loads) == 3)
            assert h.loads[2].removed == ("one",)


async def test_a_changed_prompt_file_is_noticed(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        (tmp_path / "prompt.md").write_text("Do this.")
        h.crontab("@manual  one  @prompt.md\n")
        async with serving(h.runner()):
            await until(lambda: h.loads)
            await asyncio.sleep(0.1)
            before = len(h.loads)
            (tmp_path / "prompt.md").write_text("Do that instead.")
            await until(lambda: len(h.loads) > before)
            assert h.loads[-1].changed == ("one",)


async def test_the_last_good_table_stays_while_the_file_is_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(tmp_path) as h:
        h.crontab('@every 1s  beat  "Beat."\n')
        runner = h.runner()
        with caplog.at_level(logging.ERROR, logger="agentcron"):
            async with serving(runner):
                await until(lambda: h.loads)
                h.world.config.crontab.unlink()
                await until(lambda: "the last good one stays" in caplog.text)
                before = len(h.runs())
                await until(lambda: len(h.runs()) > before)
        assert list(runner.jobs) == ["beat"]


async def test_a_broken_line_switches_off_its_own_job_only(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.crontab('@manual  good  "x"\n@manual  bad  "x"\n')
        runner = h.runner()
        async with serving(runner):
            await until(lambda: h.loads)
            h.crontab('@manual  good  "x"\n@manual  bad  "x"  colour=red\n')
            await until(lambda: len(h.loads) == 2)
            assert list(runner.jobs) == ["good"]
            states = {standing.name: standing.state for standing in await h.world.store.standings()}
            assert states == {"good": "active", "bad": "invalid"}


async def test_a_removed_job_lets_its_live_runs_end(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def wait(_: object) -> str:
        await go_on.wait()
        return "done"

    async with house(tmp_path, recorders=(Recorder("slow", then=wait),)) as h:
        h.model.lines = [call(("slow", {})), finish("Ended.")]
        h.crontab('@manual  gone  "x"\n')
        async with serving(h.runner()):
            await until(lambda: h.loads)
            run_id = await h.fire("gone")
            await until(lambda: h.count(State.RUNNING))
            h.crontab('@manual  other  "x"\n')
            await until(lambda: len(h.loads) == 2)
            assert h.loads[1].orphans == (("gone", (run_id,)),)
            go_on.set()
            await until(lambda: h.count(State.SUCCEEDED))
        assert h.runs()[0].summary == "Ended."


async def test_another_processs_write_is_noticed_at_once(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.crontab('@manual  one  "x"\n')
        async with serving(h.runner()):
            await until(lambda: h.loads)
            await h.fire("one")
            await until(lambda: h.count(State.SUCCEEDED))


async def test_what_a_killed_runner_held_is_taken_over_at_once(tmp_path: Path) -> None:
    async with house(tmp_path, settings=replace(SHORT, longest_wait_seconds=60)) as h:
        h.crontab('@manual  one  "x"\n')
        other = h.runner("other")
        await h.world.store.enter(other.info)
        await h.load_and_fire("one")
        now = h.world.clock.now()
        assert await h.world.store.claim("other", now, limit=1, lease_seconds=60)
        async with serving(h.runner()):
            await until(lambda: h.loads)
            await asyncio.sleep(0.1)
            assert h.count(State.RUNNING) == 1
            # Nobody writes a word about it, and the lease is good for a minute.
            h.world.presence.fallen.add("other")
            await until(lambda: h.count(State.SUCCEEDED))


async def test_no_more_runs_at_a_time_than_there_is_room_for(tmp_path: Path) -> None:
    slow = Recorder("slow")
    at_once: list[int] = []
    inside = 0

    async def work(_: object) -> str:
        nonlocal inside
        inside += 1
        at_once.append(inside)
        await asyncio.sleep(0.02)
        inside -= 1
        return "ok"

    slow.then = work
    async with house(tmp_path, recorders=(slow,), settings=replace(SHORT, concurrency=2)) as h:
        h.crontab("".join(f'@manual  j{n}  "x"\n' for n in range(5)))
        h.model.lines = []

        async def ask(ask: Any, **_: Any) -> Any:
            used = any(m["role"] == "assistant" for m in ask.messages)
            h.model.lines = [finish() if used else call(("slow", {}))]
            return await real_ask(ask)

        real_ask = h.model.ask
        h.model.ask = ask  # type: ignore[method-assign]
        for n in range(5):
            await h.load_and_fire(f"j{n}")
        async with serving(h.runner()):
            await until(lambda: h.count(State.SUCCEEDED) == 5)
        assert max(at_once) == 2


async def test_a_stop_hands_back_what_cannot_end_in_time(tmp_path: Path) -> None:
    slow = Recorder("slow", then=hang)
    async with house(tmp_path, recorders=(slow,), settings=replace(SHORT, grace_seconds=0.2)) as h:
        h.crontab('@manual  one  "x"\n')
        h.model.lines = [call(("slow", {}))]
        run_id = await h.load_and_fire("one")
        async with serving(h.runner()):
            await slow.begun.wait()
        run = await h.world.run(run_id)
        assert (run.state, run.attempts) == (State.QUEUED, 1)
        slow.then = None
        async with serving(h.runner("r2")):
            await until(lambda: h.count(State.SUCCEEDED))
        assert (await h.world.run(run_id)).attempts == 1, "the attempt was handed back"


async def test_reboot_jobs_fire_once_for_each_boot(tmp_path: Path) -> None:
    async with house(tmp_path, real=False) as h:
        h.crontab('@reboot  hello  "x"\n@reboot  off  "x"  enabled=no\n')
        for boot in ("boot-1", "boot-1", "boot-2"):
            await h.runner(boot_id=boot).once()
            h.world.clock.advance(60)
        assert [run.job for run in h.runs()] == ["hello", "hello"]
        assert {run.cause.kind for run in h.runs()} == {"reboot"}


async def test_a_reboot_line_that_is_added_later_waits_for_the_next_boot(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.crontab('@manual  one  "x"\n')
        async with serving(h.runner(boot_id="boot-1")):
            await until(lambda: h.loads)
            h.crontab('@reboot  late  "x"\n')
            await until(lambda: len(h.loads) == 2)
        assert h.runs() == []


async def test_a_crontab_that_the_database_refused_is_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(tmp_path) as h:
        h.crontab('@reboot  hello  "x"\n')
        store: Any = h.world.store
        load, tries = store.load_orders, 0

        async def flaky(*given: Any) -> LoadReport:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise StoreError("the database is locked")
            report: LoadReport = await load(*given)
            return report

        monkeypatch.setattr(store, "load_orders", flaky)
        with caplog.at_level(logging.CRITICAL, logger="agentcron"):
            async with serving(h.runner(boot_id="boot-1")):
                await until(lambda: h.count(State.SUCCEEDED))
        assert tries == 3


async def test_one_pass_runs_what_is_due_until_it_is_final_or_asleep(tmp_path: Path) -> None:
    async with house(tmp_path, real=False) as h:
        h.crontab('0 * * * *  nap  "x"\n0 * * * *  work  "x"\n')
        await h.runner().once()
        h.world.clock.advance(3600)
        h.model.lines = [sleep("2h")]
        done = await h.runner().once()
        assert len(done.fired) == 2
        assert sorted(run.state for run in h.runs()) == [State.SLEEPING, State.SUCCEEDED]


async def test_one_pass_also_runs_what_waited_for_another_run_of_its_job(tmp_path: Path) -> None:
    async with house(tmp_path, real=False) as h:
        h.crontab('@manual  one  "x"  overlap=queue\n@manual  two  "x"\n')
        for job in ("one", "one", "two", "one"):
            await h.load_and_fire(job)
            h.world.clock.advance(1)
        await h.runner().once(due=False)
        assert h.count(State.SUCCEEDED) == 4


async def test_a_runner_that_is_told_which_runs_are_its_own_leaves_the_others(tmp_path: Path) -> None:
    async with house(tmp_path, real=False) as h:
        h.crontab('@manual  one  "x"\n@manual  two  "x"\n')
        mine, other = await h.load_and_fire("one"), await h.load_and_fire("two")
        await h.runner(only=[mine]).once(due=False)
        assert (await h.world.run(mine)).state is State.SUCCEEDED
        assert (await h.world.run(other)).state is State.QUEUED


# -- reports -----------------------------------------------------------------------------------------

REPORT = "cat > {0}/said; env | grep ^AGENTCRON_ | sort > {0}/env"


async def test_the_report_command_gets_the_summary_and_who_it_is_about(tmp_path: Path) -> None:
    async with house(tmp_path, real=False) as h:
        h.crontab(f'@manual  one  "x"  report="{REPORT.format(tmp_path)}"\n')
        h.model.lines = [finish("All is well: 3 < 4.")]
        run_id = await h.load_and_fire("one")
        await h.runner().once()
        assert (tmp_path / "said").read_text() == "All is well: 3 < 4."
        lines = (tmp_path / "env").read_text().splitlines()
        assert [line for line in lines if "NOTICE" not in line] == [
            "AGENTCRON_JOB=one",
            f"AGENTCRON_RUN={run_id}",
            "AGENTCRON_STATE=succeeded",
        ]


async def test_a_report_that_fails_is_tried_again_later_and_at_last_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(tmp_path, real=False) as h:
        h.crontab(f'@manual  one  "x"  report="echo x >> {tmp_path}/tries; exit 1"\n')
        await h.load_and_fire("one")

        async def send() -> int:
            await send_notices(h.world.services, "r1")
            return len((tmp_path / "tries").read_text().split())

        await h.world.settle()
        with caplog.at_level(logging.CRITICAL, logger="agentcron"):
            assert await send() == 1
            assert await send() == 1, "not before its time"
            for expected, minutes in ((2, 1), (3, 4), (4, 16), (5, 64), (5, 256), (5, 9999)):
                h.world.clock.advance(60 * minutes)
                assert await send() == expected


async def test_a_notice_taken_by_a_runner_that_died_is_sent_by_another(tmp_path: Path) -> None:
    async with house(tmp_path, real=False) as h:
        h.crontab(f'@manual  one  "x"  report="{REPORT.format(tmp_path)}"\n')
        await h.load_and_fire("one")
        await h.world.settle()
        assert len(await h.world.store.take_notices("dead", h.world.clock.now(), 9)) == 1
        assert await send_notices(h.world.services, "r1") == 0
        h.world.clock.advance(timedelta(minutes=2).total_seconds())
        assert await send_notices(h.world.services, "r1") == 1
        assert (tmp_path / "said").exists()


async def test_a_duty_lasts_as_long_as_its_daemon(tmp_path: Path) -> None:
    seen: list[str] = []

    async def duty(services: Services) -> None:
        seen.append(f"begun with {services.settings.concurrency} at a time")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("ended")

    async with house(tmp_path) as h:
        h.crontab('@manual  one  "x"\n')
        async with serving(h.runner(duties=(duty,))):
            await until(lambda: h.loads)
            assert seen == ["begun with 8 at a time"]
        assert seen[1:] == ["ended"]
