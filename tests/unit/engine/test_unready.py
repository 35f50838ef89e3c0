"""What is missing when an attempt begins parks its run before any cost, and the run goes on by itself."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.actor import PERSON
from scheduler.core.run.run import State
from scheduler.tools import registry
from tests.kit.models import call, say, sleep
from tests.kit.plug_ins import Distributions, MoonPlugIn
from tests.kit.stage import Stage, stage

PLUG_IN = """
from scheduler import tool

@tool(name="chime", description="Chime.", schema={"type": "object", "properties": {}}, effect="pure",
      reads_private=False, reads_untrusted=False, external=False)
async def CHIME(args, context):
    return "ding"
"""


class PlugIn:
    """A distribution that provides the tool ``chime``."""

    def __init__(self, distributions: Distributions) -> None:
        self._distributions = distributions
        (distributions.folder / "chime_tools.py").write_text(PLUG_IN, encoding="utf-8")
        self.install()

    def install(self) -> None:
        """Install it."""
        self._distributions.install("chime-tools", f"[{registry.GROUP}]\nchime = chime_tools:CHIME\n")

    def uninstall(self) -> None:
        """Uninstall it."""
        self._distributions.uninstall("chime-tools")


@pytest.fixture
def plug_in(distributions: Distributions) -> PlugIn:
    return PlugIn(distributions)


async def test_a_tool_that_is_missing_at_a_wake_parks_the_run_until_it_is_back(
    tmp_path: Path, plug_in: PlugIn
) -> None:
    async with stage(tmp_path, sleep("1h"), call(("chime", {})), options="tools=chime report=true") as s:
        run = await s.play()
        plug_in.uninstall()
        run = await s.jump(run.id)
        assert (run.state, run.reason_code) == (State.PARKED, "tool")
        assert run.reason == "no tool is called chime; install or repair what provides it, or cancel the run"
        assert run.waiting_for == "the next probe, or a person"
        await s.world.send_reports()
        run = await s.jump(run.id)
        assert (run.state, run.reason_code) == (State.PARKED, "tool"), "it is looked for again"
        assert (s.model.requests, s.notices()) == (1, [run.reason]), "at no cost, and said once"

        plug_in.install()
        back_at = s.world.clock.now()
        run = await s.jump(run.id)
        assert run.state is State.SUCCEEDED, "it continues by itself"
        assert s.results(run.id)["chime"]["content"] == "ding"
        assert s.world.clock.now() - back_at <= timedelta(minutes=1)


def pinned(s: Stage) -> dict[str, Any]:
    """Return the pinned job of the only run."""
    with closing(sqlite3.connect(s.world.config.database)) as database:
        ((text,),) = database.execute("SELECT spec FROM pins").fetchall()
    found: dict[str, Any] = json.loads(text)
    return found


def pin(s: Stage, values: dict[str, Any]) -> None:
    """Pin a job as another version would."""
    with closing(sqlite3.connect(s.world.config.database)) as database, database:
        database.execute("UPDATE pins SET spec = ?", (json.dumps(values),))


async def test_a_run_that_a_newer_version_has_pinned_is_parked_until_that_is_back(tmp_path: Path) -> None:
    async with stage(tmp_path, sleep("1h")) as s:
        run = await s.play()
        known = pinned(s)
        newer = {**known, "region": ["eu"], "budget": {**known["budget"], "month_usd": 1.5}}
        pin(s, newer)
        run = await s.jump(run.id)
        assert (run.state, run.reason_code) == (State.PARKED, "version")
        assert run.reason == (
            "its job has settings that are unknown here: region, budget.month_usd: upgrade agentcron,"
            " a newer version has pinned it"
        )
        assert s.model.requests == 1, "what it does not know may be a limit"

        await s.world.store.raise_budget(
            run.id, s.world.clock.now(), {"run_microusd": 2_000_000}, actor=PERSON
        )
        kept = {**newer["budget"], "run_usd": 2.0, "default": False}
        assert pinned(s) == {**newer, "budget": kept}, "and is still there for the newer one"

        pin(s, known)  # as a version reads it that knows those fields
        assert (await s.jump(run.id)).state is State.SUCCEEDED, "it continues by itself"


async def test_a_run_whose_schedule_and_option_are_gone_is_parked_until_they_are_back(
    tmp_path: Path, moon: MoonPlugIn
) -> None:
    async with stage(tmp_path, sleep("1h"), schedule="@fullmoon", options="colour=red") as s:
        run = await s.play()
        known = pinned(s)
        moon.uninstall()
        run = await s.jump(run.id)
        assert (run.state, run.reason_code) == (State.PARKED, "version")
        assert run.reason == (
            "its job has settings that are unknown here: schedule @fullmoon, option colour=:"
            " install or repair the plug-in that provides it"
        )
        assert s.model.requests == 1
        await s.world.store.raise_budget(
            run.id, s.world.clock.now(), {"run_microusd": 2_000_000}, actor=PERSON
        )
        assert (pinned(s)["trigger"], pinned(s)["extra"]) == (known["trigger"], {"colour": ["red"]})

        moon.install()
        assert (await s.jump(run.id)).state is State.SUCCEEDED, "it continues by itself"


async def test_a_job_fires_by_the_schedule_of_a_plug_in(tmp_path: Path, moon: MoonPlugIn) -> None:
    async with stage(tmp_path, say("Done."), schedule="@fullmoon") as s:
        await s.world.jump()
        with s.world.reader() as reader:
            (run,) = reader.runs(limit=9)
        assert run.fire_time == datetime(2026, 11, 24, 8, 24, 36, tzinfo=UTC)
        assert run.state is State.SUCCEEDED
        assert moon.imported
