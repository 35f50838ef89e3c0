"""Trust: authority comes from grants, never from a conversation.

An unattended agent reads text of third parties.  So each call is judged before it may act, by the
job's *profile* (``observe``, ``propose``, ``act``, or one of ``trust.toml`` next to the crontab), and a call
that no grant covers waits for a person.  The run is *parked*: no process waits, and it survives restarts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler import tool
from scheduler.adapters.trust_file import TrustFile
from scheduler.core.actor import PERSON
from scheduler.core.run.run import Run, State
from scheduler.core.trust.approval import Approval
from scheduler.errors import NotFoundError, RefusedError
from scheduler.ports.tool import Args, ToolContext
from scheduler.testing.rehearsal import script
from scheduler.testing.world import World, open_world

JOB = "@manual  work  @work.md  model=rehearsal:work.jsonl {}\n"


@asynccontextmanager
async def office(folder: Path, options: str = "") -> AsyncIterator[tuple[World, list[Args]]]:
    """A job whose agent posts a letter to Ada, which is an effect outside; and the letters that left."""
    letters: list[Args] = []

    @tool(
        name="post",
        description="Post a letter.",
        schema={"type": "object"},
        reads_private=False,
        reads_untrusted=False,
    )
    async def post(args: Args, context: ToolContext) -> str:
        letters.append(args)
        return "posted"

    (folder / "work.md").write_text("Post a letter.")
    async with open_world(folder, tools={"post": post}) as world:
        world.script("work", script().call("post", to="Ada").finish("Done."))
        await world.load(JOB.format(options))
        yield world, letters


async def parked(world: World) -> tuple[Run, Approval]:
    """Let the agent ask its question; return the run and the question."""
    run = await world.play("work")
    assert (run.state, run.reason_code) == (State.PARKED, "approval")
    with world.history() as history:
        [question] = history.open_approvals()
    return run, question


async def on(world: World, run: Run) -> Run:
    """Let a run continue as far as it can."""
    await world.settle()
    return await world.run(run.id)


async def test_an_effect_outside_waits_for_a_person_and_then_happens_once(tmp_path: Path) -> None:
    async with office(tmp_path) as (world, letters):
        run, question = await parked(world)
        assert letters == [], "nothing has happened"
        assert (question.tool, question.args) == ("post", {"to": "Ada"})
        await world.store.answer(question.id, world.clock.now(), approve=True, actor=PERSON)
        run = await on(world, run)
        assert (run.state, letters) == (State.SUCCEEDED, [{"to": "Ada"}])


async def test_a_denied_call_does_not_happen_and_the_agent_is_told_why(tmp_path: Path) -> None:
    async with office(tmp_path) as (world, letters):
        run, question = await parked(world)
        await world.store.answer(
            question.id, world.clock.now(), approve=False, words="Ask Bob.", actor=PERSON
        )
        run = await on(world, run)
        assert (run.state, letters) == (State.SUCCEEDED, [])
        with world.reader() as reader:
            [told] = [call for call in reader.calls(run.id) if call.name == "post"]
        assert told.result == "A person denied this call and says: Ask Bob."
        assert told.rule == f"denied:{question.id}"


async def test_no_answer_is_a_no(tmp_path: Path) -> None:
    async with office(tmp_path) as (world, letters):
        run, question = await parked(world)
        assert question.expires_at - question.asked_at == timedelta(hours=24)
        await world.jump()
        assert (await world.run(run.id)).state is State.PARKED, "halfway the owner is reminded, no more"
        await world.jump()
        run = await world.run(run.id)
        assert (run.state, letters) == (State.SUCCEEDED, []), "the agent was told, and continued"
        with pytest.raises(RefusedError):
            await world.store.answer(question.id, world.clock.now(), approve=True, actor=PERSON)


async def test_the_owner_is_told_of_a_question_and_reminded_once(tmp_path: Path) -> None:
    async with office(tmp_path, f'report="cat >> {tmp_path}/said"') as (world, _):
        await parked(world)
        await world.send_reports()
        await world.jump()
        await world.send_reports()
        [first, second] = (tmp_path / "said").read_text().split("Reminder: ")
        assert first == second
        assert "agentcron approve" in first


async def test_an_answer_is_given_once(tmp_path: Path) -> None:
    async with office(tmp_path) as (world, letters):
        run, question = await parked(world)
        await world.store.answer(question.id, world.clock.now(), approve=False, actor=PERSON)
        with pytest.raises(RefusedError):
            await world.store.answer(question.id, world.clock.now(), approve=True, actor=PERSON)
        await on(world, run)
        assert letters == []


async def test_always_is_a_grant_for_these_very_arguments_that_can_be_revoked(tmp_path: Path) -> None:
    async with office(tmp_path) as (world, letters):
        run, question = await parked(world)
        await world.store.answer(question.id, world.clock.now(), approve=True, always=True, actor=PERSON)
        await on(world, run)
        second = await world.play("work")
        assert (second.state, len(letters)) == (State.SUCCEEDED, 2), "there was no second question"
        with world.history() as history:
            [grant] = history.always_grants("work")
        assert await world.store.revoke(grant.id, world.clock.now(), actor=PERSON) == "work"
        await parked(world)
        with pytest.raises(NotFoundError):
            await world.store.revoke(grant.id, world.clock.now(), actor=PERSON)


async def test_a_policy_that_changed_asks_again(tmp_path: Path) -> None:
    (tmp_path / "trust.toml").write_text('default = "mine"\n[profile.mine]\n')
    async with office(tmp_path) as (world, letters):
        run, question = await parked(world)
        grant = '[[profile.mine.grant]]\ntool = "fetch"\n'
        (tmp_path / "trust.toml").write_text('default = "mine"\n[profile.mine]\n' + grant)
        await world.store.answer(question.id, world.clock.now(), approve=True, actor=PERSON)
        run = await on(world, run)
        assert (run.state, letters) == (State.PARKED, []), (
            "the approval is void after a change of the profile"
        )


async def test_a_grant_needs_no_person(tmp_path: Path) -> None:
    text = '[profile.mail]\nbase = "act"\n[[profile.mail.grant]]\ntool = "post"\nargs.to = "Ada"\n'
    (tmp_path / "trust.toml").write_text(text)
    async with office(tmp_path, "trust=mail") as (world, letters):
        run = await world.play("work")
        assert (run.state, letters) == (State.SUCCEEDED, [{"to": "Ada"}])


async def test_what_a_job_may_only_observe_is_refused_at_once(tmp_path: Path) -> None:
    async with office(tmp_path, "trust=observe") as (world, letters):
        run = await world.play("work")
        assert (run.state, letters) == (State.SUCCEEDED, [])
        with world.reader() as reader:
            assert reader.calls(run.id)[0].rule == "observe"


async def test_a_broken_trust_file_stops_the_job_before_any_cost(tmp_path: Path) -> None:
    async with office(tmp_path) as (world, letters):
        (tmp_path / "trust.toml").write_text("profile = 3\n")
        run = await world.play("work")
        assert (run.state, run.reason_code) == (State.PARKED, "trust")
        assert "profile should be a table" in run.reason
        assert (world.model.asks, letters) == ([], [])

        (tmp_path / "trust.toml").write_text('default = "observe"\n')
        mended_at = world.clock.now()
        await world.send_reports()
        await world.jump()
        assert (await world.run(run.id)).state is State.SUCCEEDED, "it continues by itself"
        assert world.clock.now() - mended_at <= timedelta(minutes=1)


async def test_a_profile_that_cannot_be_read_for_any_reason_parks_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_file: TrustFile, _job: object) -> None:
        raise RuntimeError("a fault in the reader")

    monkeypatch.setattr(TrustFile, "__call__", broken)
    async with office(tmp_path) as (world, letters):
        run = await world.play("work")
        assert (run.state, run.reason_code) == (State.PARKED, "trust")
        assert (world.model.asks, letters) == ([], [])


async def test_a_trust_file_that_others_may_write_proves_nothing(tmp_path: Path) -> None:
    async with office(tmp_path) as (world, _):
        (tmp_path / "trust.toml").write_text("")
        (tmp_path / "trust.toml").chmod(0o666)
        run = await world.play("work")
        assert (run.state, run.reason_code) == (State.PARKED, "trust")
        assert "chmod go-w" in run.reason


async def test_what_two_calls_of_one_message_bring_together_asks_too(tmp_path: Path) -> None:
    """The job can read mail and post; an untrusted page was read before, so a person decides."""
    posted: list[Args] = []

    @tool(name="mail", description="Read mail.", schema={"type": "object"}, effect="pure", external=False)
    async def mail(args: Args, context: ToolContext) -> str:
        return "Dear Ada, the code is 1234."

    @tool(name="post", description="Post.", schema={"type": "object"}, reads_private=False)
    async def post(args: Args, context: ToolContext) -> str:
        posted.append(args)
        return "posted"

    text = 'default = "mail"\n[profile.mail]\nbase = "act"\n[[profile.mail.grant]]\ntool = "post"\n'
    (tmp_path / "trust.toml").write_text(text)
    (tmp_path / "work.md").write_text("Read and post.")
    async with open_world(tmp_path, tools={"mail": mail, "post": post}) as world:
        world.script("work", script().call("glob", pattern="*").call("mail").also("post").finish("Done."))
        await world.load(JOB.format(""))
        _, question = await parked(world)
        assert (question.tool, posted) == ("post", [])
        assert "an unattended run may have two of the three" in question.reason


async def test_a_note_in_the_workdir_carries_nothing_past_the_rule(tmp_path: Path) -> None:
    """One run writes private mail into a file; the next one reads it there: it is still private."""
    posted: list[Args] = []

    @tool(
        name="mail",
        description="Mail.",
        schema={"type": "object"},
        effect="pure",
        reads_untrusted=False,
        external=False,
    )
    async def mail(args: Args, context: ToolContext) -> str:
        return "The code is 1234."

    @tool(
        name="post",
        description="Post.",
        schema={"type": "object"},
        reads_private=False,
        reads_untrusted=False,
    )
    async def post(args: Args, context: ToolContext) -> str:
        posted.append(args)
        return "posted"

    text = 'default = "mail"\n[profile.mail]\nbase = "act"\n[[profile.mail.grant]]\ntool = "post"\n'
    (tmp_path / "trust.toml").write_text(text)
    (tmp_path / "work.md").write_text("Work.")
    async with open_world(tmp_path, tools={"mail": mail, "post": post}) as world:
        keep = script().call("mail").call("write", file_path="note", content="1234").finish("Kept.")
        world.script("work", keep)
        await world.load(JOB.format(""))
        assert (await world.play("work")).state is State.SUCCEEDED
        world.script("work", script().call("read", file_path="note").call("post").finish("Done."))
        run, _ = await parked(world)
        assert posted == []
        assert "private:workdir" in run.marks
        assert await world.store.clean(str(world.workdir / "work"), world.clock.now(), actor=PERSON), (
            "a person has looked"
        )
        assert not await world.store.clean(str(world.workdir / "work"), world.clock.now(), actor=PERSON)


async def test_what_a_run_has_read_stays_with_it_whatever_it_does_next(tmp_path: Path) -> None:
    """Calls without a mark of their own, allowed or refused, remove none."""
    (tmp_path / "work.md").write_text("Read.")
    async with open_world(tmp_path) as world:
        play = script().call("glob", pattern="*").call("write", file_path="a", content="b")
        world.script("work", play.call("no_such_tool").finish("Done."))
        await world.load(JOB.format(""))
        run = await world.play("work")
        assert (run.state, str(run.marks)) == (State.SUCCEEDED, "untrusted:glob")


async def test_what_a_run_has_read_stays_with_it(tmp_path: Path) -> None:
    """The mark survives a sleep of days."""
    (tmp_path / "work.md").write_text("Read.")
    async with open_world(tmp_path) as world:
        world.script("work", script().call("glob", pattern="*").sleep("3d", "later").finish("Done."))
        await world.load(JOB.format(""))
        run = await world.play("work")
        assert (run.state, str(run.marks)) == (State.SLEEPING, "untrusted:glob")
        await world.jump()
        assert str((await world.run(run.id)).marks) == "untrusted:glob"


async def test_calls_that_meet_nothing_new_take_no_mark_away(tmp_path: Path) -> None:
    async with office(tmp_path) as (world, _):
        lines = script().call("glob", pattern="*").call("write", file_path="a.md", content="A.")
        world.script("work", lines.finish("Done."))
        run = await world.play("work")
        assert (run.state, str(run.marks)) == (State.SUCCEEDED, "untrusted:glob")
