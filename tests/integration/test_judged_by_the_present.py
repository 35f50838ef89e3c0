"""A call is judged by what holds when it begins, whatever a person, a line or another run changed since."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scheduler.adapters.sql.crash_points import PERSON as PERSON_POINTS
from scheduler.adapters.sql.units.changes import stains
from scheduler.core.actor import PERSON
from scheduler.core.run.run import State
from scheduler.core.trust.approval import Approval
from scheduler.testing.world import with_tools
from tests.kit.models import call, finish, sleep
from tests.kit.sql import sql_store
from tests.kit.stage import JOB, Recorder, Stage, hang, stage

pytestmark = pytest.mark.anyio

ACT = 'default = "x"\n[profile.x]\nbase = "act"\n'
POST = '[[profile.x.grant]]\ntool = "post"\n'


def posting() -> Recorder:
    return Recorder("post", "opaque", external=True)


def trust(folder: Path, text: str) -> None:
    (folder / "trust.toml").write_text(text)


def questions(s: Stage) -> list[Approval]:
    with s.world.history() as history:
        return history.open_approvals()


async def answer(s: Stage, question: Approval, **more: Any) -> None:
    await s.world.store.answer(question.id, s.world.clock.now(), **{"approve": True, **more}, actor=PERSON)


def rules(s: Stage, run_id: str) -> Mapping[str, str]:
    return {each.name: each.rule for each in s.calls(run_id)}


async def test_two_grants_of_a_tool_are_counted_in_the_order_of_the_calls(tmp_path: Path) -> None:
    """The one of the first call is used up by it, the one of the second has room: both may begin."""
    grants = "".join(f'{POST}per_day = {n}\nargs.to = "{to}"\n' for to, n in (("ada", 1), ("bob", 5)))
    trust(tmp_path, ACT + grants)
    post = posting()
    both = call(("post", {"to": "ada"}), ("post", {"to": "bob"}))
    async with stage(tmp_path, both, finish(), recorders=(post,)) as s:
        run = await s.play()
        assert (run.state, len(post.calls)) == (State.SUCCEEDED, 2)


@pytest.mark.parametrize("how", ["the policy changed", "it expired"])
async def test_a_no_to_a_question_that_is_over_by_the_time_fails_nothing(tmp_path: Path, how: str) -> None:
    post = posting()
    async with stage(tmp_path, call(("post", {"n": 1}), ("post", {"n": 2})), recorders=(post,)) as s:
        run = await s.play()
        first, second = sorted(questions(s), key=lambda each: each.args["n"])

        async def meanwhile(_: object) -> str:
            await answer(s, second, approve=False, words="not that one")
            if how == "it expired":
                s.world.clock.advance(25 * 3600)
            else:
                trust(tmp_path, 'default = "propose"\n[profile.other]\nbase = "act"\n')
            return "posted"

        post.then = meanwhile
        await answer(s, first)
        await s.world.settle()
        assert (await s.world.run(run.id)).state is State.SUCCEEDED
        assert post.calls == [{"n": 1}]


async def test_a_question_that_was_put_before_the_run_had_met_all_three_is_put_again(tmp_path: Path) -> None:
    mail, page = Recorder("mail", reads_private=True), Recorder("page", reads_untrusted=True)
    post = posting()
    lines = (call(("mail", {})), call(("post", {}), ("page", {})), finish())
    async with stage(tmp_path, *lines, recorders=(mail, page, post)) as s:
        await s.play()
        (question,) = questions(s)
        assert (question.rule, len(page.calls)) == ("rule-of-two", 1)
        assert "no grant covers" in question.reason, "a person reads both reasons"
        assert "private data" in question.reason
        with pytest.raises(Exception, match="rule of two"):
            await answer(s, question, always=True)
        assert post.calls == []


async def test_what_a_sibling_may_bring_counts_before_it_is_here(tmp_path: Path) -> None:
    trust(tmp_path, f'{ACT}[[profile.x.grant]]\ntool = "net"\n')
    net = Recorder("net", external=True, reads_untrusted=True)
    mail = Recorder("mail", reads_private=True)
    async with stage(tmp_path, call(("net", {}), ("mail", {})), finish(), recorders=(net, mail)) as s:
        run = await s.play()
        assert (run.state, run.reason_code, mail.calls) == (State.PARKED, "approval", [])


@pytest.mark.parametrize("later", ["observe", "propose"])
async def test_a_line_that_names_a_narrower_profile_binds_the_run_that_sleeps(
    tmp_path: Path, later: str
) -> None:
    trust(tmp_path, '[profile.wide]\nbase = "act"\n[[profile.wide.grant]]\ntool = "post"\n')
    post = posting()
    lines = (sleep("1h"), call(("post", {})), finish())
    async with stage(tmp_path, *lines, options="trust=wide", recorders=(post,)) as s:
        run = await s.play()
        await s.world.load(f'@manual  {JOB}  "Do your job."  tz=Europe/Berlin trust={later}\n')
        run = await s.jump(run.id)
        assert post.calls == []
        assert (run.state is State.PARKED) == (later == "propose")
        assert rules(s, run.id).get("post") == ("observe" if later == "observe" else "")


async def test_a_line_that_names_a_wider_profile_widens_no_run_that_sleeps(tmp_path: Path) -> None:
    trust(tmp_path, '[profile.wide]\nbase = "act"\n[[profile.wide.grant]]\ntool = "post"\n')
    post = posting()
    lines = (sleep("1h"), call(("post", {})), finish())
    async with stage(tmp_path, *lines, options="trust=observe", recorders=(post,)) as s:
        run = await s.play()
        await s.world.load(f'@manual  {JOB}  "Do your job."  tz=Europe/Berlin trust=wide\n')
        run = await s.jump(run.id)
        assert (run.state, post.calls, rules(s, run.id)["post"]) == (State.SUCCEEDED, [], "observe")


async def test_a_tool_that_claims_something_else_is_asked_for_again(tmp_path: Path) -> None:
    post = posting()
    async with stage(tmp_path, call(("post", {})), recorders=(post,)) as s:
        run = await s.play()
        (question,) = questions(s)
        curious = Recorder("post", "opaque", external=True, reads_private=True)
        s.world.services = with_tools(s.world.services, {"post": curious.made()})
        await s.resume(run.id)  # or the call would be refused, whatever the answer is
        assert ((await s.world.run(run.id)).state, curious.calls) == (State.PARKED, [])
        (anew,) = questions(s)
        assert anew.id != question.id


async def test_a_call_that_acts_once_more_is_on_record_once_more(tmp_path: Path) -> None:
    trust(tmp_path, ACT + POST)
    post = Recorder("post", "keyed", then=hang, external=True)
    async with stage(tmp_path, call(("post", {})), finish(), recorders=(post,)) as s:
        await s.fire()
        (underway,) = await s.world.begin()
        await post.begun.wait()
        await underway.kill()
        post.then = None
        await s.world.take_over()
        await s.world.services.daylog.sync()
        log = "".join(path.read_text() for path in s.world.config.log.glob("*.jsonl"))
        assert (len(post.calls), log.count('"kind":"started"')) == (2, 2)


async def test_after_a_restore_private_data_may_lie_in_every_workdir(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        store, workdir = sql_store(s.world.store), str(s.world.workdir / JOB)
        assert not await store._read(lambda c: stains.is_stained(c, workdir))
        await store._write(PERSON_POINTS, lambda c: stains.doubt(c, s.world.clock.now()))
        assert await store._read(lambda c: stains.is_stained(c, workdir))


async def test_a_gate_waits_where_a_halt_came_while_the_log_was_written(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    async with stage(tmp_path, finish(), options=f'gate="touch {ran}"') as s:
        sync = s.world.services.daylog.sync

        async def slow() -> None:
            await sync()
            s.world.config.halt.write_text("stop")

        s.world.services.daylog.sync = slow  # type: ignore[method-assign]
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        await underway.task
        assert not ran.exists()
        assert (await s.world.run(run_id)).state is State.QUEUED

        s.world.services.daylog.sync = sync  # type: ignore[method-assign]
        s.world.config.halt.unlink()
        await s.world.settle()
        assert ran.exists()
