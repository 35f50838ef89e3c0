"""Races around consent: two runs at one grant, and answers that come while a run is at work."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.adapters.sql.crash_points import PERSON as PERSON_POINTS
from scheduler.adapters.sql.units.changes import stains
from scheduler.core.actor import PERSON
from scheduler.core.changes.stain import Stain
from scheduler.core.run.run import State
from scheduler.ports.room import StepContext
from tests.kit.models import call, finish
from tests.kit.sql import sql_store
from tests.kit.stage import JOB, Recorder, stage

pytestmark = pytest.mark.anyio

ONE_A_DAY = 'default = "x"\n[profile.x]\nbase = "act"\n[[profile.x.grant]]\ntool = "post"\nper_day = 1\n'


async def test_of_two_runs_at_a_grant_of_one_a_day_one_acts(tmp_path: Path) -> None:
    (tmp_path / "trust.toml").write_text(ONE_A_DAY)
    post = Recorder("post", "opaque", external=True)
    lines = (call(("post", {})), call(("post", {})), finish(), finish())
    async with stage(tmp_path, *lines, options="overlap=allow", recorders=(post,)) as s:
        runs = [await s.fire(), await s.fire()]
        await s.world.settle()
        rules = sorted(each.rule for run in runs for each in s.calls(run) if each.name == "post")
        assert (rules, len(post.calls)) == (["grant", "no-grant"], 1)


async def test_both_questions_of_a_message_are_answered_in_one_go(tmp_path: Path) -> None:
    post = Recorder("post", "opaque", external=True)
    async with stage(tmp_path, call(("post", {"n": 1}), ("post", {"n": 2})), recorders=(post,)) as s:
        run = await s.play()
        with s.world.history() as history:
            questions = history.open_approvals()
        assert len(questions) == 2
        for question in questions:  # the first answer queues the run; the second comes while it is queued
            await s.world.store.answer(question.id, s.world.clock.now(), approve=True, actor=PERSON)
        await s.world.settle()
        assert (await s.world.run(run.id)).state is State.SUCCEEDED
        assert len(post.calls) == 2


async def test_an_answer_that_comes_while_the_run_comes_to_rest_wakes_it_at_once(tmp_path: Path) -> None:
    slow = Recorder("post", "opaque", external=True)
    async with stage(tmp_path, call(("post", {"n": 1}), ("post", {"n": 2})), recorders=(slow,)) as s:
        run = await s.play()
        with s.world.history() as history:
            first, second = history.open_approvals()

        async def answer_the_other(_: object) -> str:
            await s.world.store.answer(second.id, s.world.clock.now(), approve=False, actor=PERSON)
            return "ok"

        slow.then = answer_the_other
        await s.world.store.answer(first.id, s.world.clock.now(), approve=True, actor=PERSON)
        await s.world.settle()
        assert (await s.world.run(run.id)).state is State.SUCCEEDED
        assert (len(slow.calls), s.world.clock.now()) == (1, first.asked_at), "no time has passed"


async def test_a_grant_that_is_revoked_while_the_run_works_lets_nothing_act(tmp_path: Path) -> None:
    post, slow = Recorder("post", "opaque", external=True), Recorder("slow")
    lines = (call(("post", {})), call(("slow", {})), call(("post", {})), finish())
    async with stage(tmp_path, *lines, recorders=(post, slow)) as s:
        run = await s.play()
        with s.world.history() as history:
            (question,) = history.open_approvals()
        await s.world.store.answer(question.id, s.world.clock.now(), approve=True, always=True, actor=PERSON)
        with s.world.history() as history:
            (grant,) = history.always_grants(JOB)

        async def revoke(_: object) -> str:
            await s.world.store.revoke(grant.id, s.world.clock.now(), actor=PERSON)
            return "ok"

        slow.then = revoke
        await s.world.settle()
        run = await s.world.run(run.id)
        assert (run.state, run.reason_code, len(post.calls)) == (State.PARKED, "approval", 1)


GRANTED = 'default = "x"\n[profile.x]\nbase = "act"\n[[profile.x.grant]]\ntool = "post"\n'


async def test_private_data_that_another_run_leaves_in_the_workdir_meanwhile_counts(tmp_path: Path) -> None:
    (tmp_path / "trust.toml").write_text(GRANTED)
    post, page = Recorder("post", "opaque", external=True), Recorder("page", reads_untrusted=True)
    lines = (call(("page", {})), call(("post", {})), finish())
    async with stage(tmp_path, *lines, recorders=(post, page)) as s:

        async def leave(_: object) -> str:
            context = StepContext("mail", "another", s.world.clock.now(), None)
            mark = Stain(str(s.world.workdir / JOB))
            await sql_store(s.world.store)._write(PERSON_POINTS, lambda c: stains.write(c, context, mark))
            return "a stranger's page"

        page.then = leave
        run = await s.play()
        assert (run.state, run.reason_code, post.calls) == (State.PARKED, "approval", [])
        assert "private data" in run.reason
