"""Tool calls: started before they act, answered whatever happens, settled by effect class after a crash."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from scheduler.core.run.conversation import CallState
from scheduler.core.run.run import State
from scheduler.core.trust.effect import Effect, call_key
from scheduler.engine.attempt.calls import OUTPUT_BYTES, clean
from scheduler.errors import ToolFault
from scheduler.ports.tool import Args, Probe, ToolAnswer, ToolContext
from tests.kit.models import call, finish, sleep
from tests.kit.stage import Recorder, Stage, hang, stage, until


async def test_parallel_calls_run_side_by_side_and_are_answered_in_the_next_message(tmp_path: Path) -> None:
    both = asyncio.Barrier(2)

    async def meet(_: Args) -> ToolAnswer:
        await both.wait()  # would hang if one waited for the other's end
        return "met"

    left, right = Recorder("left", then=meet), Recorder("right", then=meet)
    async with stage(tmp_path, call(("left", {}), ("right", {})), finish(), recorders=(left, right)) as s:
        run = await s.play()
        assert run.state is State.SUCCEEDED
        answer = s.messages(run.id)[2]
        assert [block["tool_use_id"] for block in answer.content] == ["toolu_1_1", "toolu_1_2"]
        assert [block["content"] for block in answer.content] == ["met", "met"]


async def test_a_call_is_recorded_as_started_before_it_acts(tmp_path: Path) -> None:
    seen: list[CallState] = []
    look = Recorder()
    async with stage(tmp_path, call(("look", {})), recorders=(look,)) as s:

        async def peek(_: Args) -> ToolAnswer:
            with s.world.reader() as reader:
                seen.extend(each.state for run in reader.runs() for each in reader.calls(run.id))
            return "ok"

        look.then = peek
        await s.play()
        assert seen == [CallState.STARTED]


async def test_the_siblings_of_a_sleep_finish_first(tmp_path: Path) -> None:
    look = Recorder()
    async with stage(tmp_path, call(("sleep", {"until": "2h"}), ("look", {})), recorders=(look,)) as s:
        run = await s.play()
        assert run.state is State.SLEEPING
        states = {each.name: each.state for each in s.calls(run.id)}
        assert states == {"sleep": CallState.WAITING, "look": CallState.DONE}
        assert len(s.world.model.asks) == 1, "no request while asleep"
        run = await s.jump(run.id)
        assert run.state is State.SUCCEEDED
        assert s.results(run.id)["look"]["content"] == "look says ok"
        assert "You are awake" in s.results(run.id)["sleep"]["content"]
        assert len(look.calls) == 1


async def test_an_unknown_tool_is_answered_with_the_tools_that_there_are(tmp_path: Path) -> None:
    async with stage(tmp_path, call(("launch_missiles", {}))) as s:
        run = await s.play()
        result = s.results(run.id)["launch_missiles"]
        assert result["is_error"] is True
        assert "There are: sleep, note, finish" in result["content"]
        assert run.state is State.SUCCEEDED


async def test_wrong_arguments_are_answered_and_the_tool_is_not_called(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    look = Recorder(schema=schema)
    lines = [call(("look", {})), call(("look", {"path": 7}))]
    async with stage(tmp_path, *lines, recorders=(look,)) as s:
        run = await s.play()
        texts = [str(each.result) for each in s.calls(run.id)][:2]
        assert texts == ["look: path is missing", "look: path must be a string"]
        assert look.calls == []


async def test_wrong_arguments_are_answered_before_anybody_is_asked(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"to": {"type": "string", "pattern": "^[a-z]+$"}}}
    post = Recorder("post", Effect.OPAQUE, external=True, schema=schema)
    lines = [call(("post", {"to": "A d a"}), ("note", {}), ("sleep", {"until": 5}))]
    async with stage(tmp_path, *lines, recorders=(post,)) as s:
        run = await s.play()
        assert run.state is State.SUCCEEDED
        assert [str(each.result) for each in s.calls(run.id)][:3] == [
            "post: to does not match the regular expression ^[a-z]+$",
            "note: text is missing",
            "sleep: until must be a string",
        ]
        assert post.calls == []


async def test_a_tools_refusal_is_told_with_its_help(tmp_path: Path) -> None:
    async def refuse(_: Args) -> ToolAnswer:
        raise ToolFault("no such file \udc80", help="look with glob")

    async with stage(tmp_path, call(("look", {})), recorders=(Recorder(then=refuse),)) as s:
        run = await s.play()
        result = s.results(run.id)["look"]
        assert result["content"] == r"no such file \udc80 (look with glob)"
        assert result["is_error"] is True


async def test_a_tool_that_breaks_is_told_and_its_siblings_and_the_run_continue(tmp_path: Path) -> None:
    async def boom(_: Args) -> ToolAnswer:
        raise ZeroDivisionError("by zero")

    broken, fine = Recorder("broken", then=boom), Recorder("fine")
    async with stage(tmp_path, call(("broken", {}), ("fine", {})), recorders=(broken, fine)) as s:
        run = await s.play()
        assert run.state is State.SUCCEEDED
        assert s.results(run.id)["broken"]["content"] == "broken broke: ZeroDivisionError: by zero"
        assert s.results(run.id)["fine"]["content"] == "fine says ok"


@pytest.mark.parametrize("answer", [None, 7, {"type": "text"}, ["x"], ({"type": "text", "text": {1}},)])
async def test_a_tool_that_returns_nonsense_is_told_as_broken(tmp_path: Path, answer: object) -> None:
    async def nonsense(_: Args) -> ToolAnswer:
        return answer  # type: ignore[return-value]

    async with stage(tmp_path, call(("look", {})), recorders=(Recorder(then=nonsense),)) as s:
        run = await s.play()
        assert run.state is State.SUCCEEDED
        assert s.results(run.id)["look"]["content"].startswith("look broke: TypeError")


@pytest.mark.parametrize(
    ("effect", "state", "words"),
    [
        (Effect.PURE, CallState.FAILED, "stopped after 0.01 s, its limit."),
        (Effect.KEYED, CallState.UNKNOWN, "Its outcome is unknown"),
        (Effect.OPAQUE, CallState.UNKNOWN, "Its outcome is unknown"),
    ],
)
async def test_a_tool_that_takes_too_long_is_stopped(
    tmp_path: Path, effect: Effect, state: CallState, words: str
) -> None:
    slow = Recorder("slow", effect, hang, timeout_seconds=0.01)
    async with stage(tmp_path, call(("slow", {})), recorders=(slow,)) as s:
        run = await s.play()
        assert run.state is State.SUCCEEDED
        assert s.calls(run.id)[0].state is state
        assert words in s.results(run.id)["slow"]["content"]
        assert s.results(run.id)["slow"]["is_error"] is True


async def test_a_tools_own_timeout_is_not_ours(tmp_path: Path) -> None:
    async def late(_: Args) -> ToolAnswer:
        raise TimeoutError

    async with stage(tmp_path, call(("look", {})), recorders=(Recorder(then=late),)) as s:
        run = await s.play()
        assert s.results(run.id)["look"]["content"] == "look: timed out."


async def test_a_long_output_is_cut_and_says_so(tmp_path: Path) -> None:
    async def flood(_: Args) -> ToolAnswer:
        return "é" * 200_000

    async with stage(tmp_path, call(("look", {})), recorders=(Recorder(then=flood),)) as s:
        run = await s.play()
        text = s.results(run.id)["look"]["content"]
        assert text.endswith("[cut here: 101,000 of 400,000 bytes shown]")
        assert len(text.encode()) < OUTPUT_BYTES + 100


def test_what_json_and_utf8_cannot_carry_becomes_visible() -> None:
    assert clean("a\udc80b\0c") == r"a\udc80b\x00c"
    cleaned = clean(({"type": "text", "text": "x\udfff\0"}, {"type": "image", "source": {"data": "AA=="}}))
    assert cleaned == (
        {"type": "text", "text": r"x\udfff\x00"},
        {"type": "image", "source": {"data": "AA=="}},
    )


async def test_blocks_go_to_the_model_as_blocks(tmp_path: Path) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}

    async def show(_: Args) -> ToolAnswer:
        return ({"type": "text", "text": "a picture"}, picture)

    async with stage(tmp_path, call(("look", {})), recorders=(Recorder(then=show),)) as s:
        run = await s.play()
        assert s.results(run.id)["look"]["content"] == [{"type": "text", "text": "a picture"}, picture]


async def test_words_of_strangers_label_the_message_that_carries_them(tmp_path: Path) -> None:
    async with stage(
        tmp_path, call(("look", {}), ("note", {"text": "n"})), recorders=(Recorder(reads_untrusted=True),)
    ) as s:
        run = await s.play()
        assert s.messages(run.id)[2].provenance == "untrusted:look+own"


async def test_a_tool_learns_its_run_its_folder_its_key_and_its_environment(tmp_path: Path) -> None:
    look = Recorder()
    async with stage(tmp_path, call(("look", {})), recorders=(look,), options="env.TOKEN=abc") as s:
        run = await s.play()
        (context,) = look.contexts
        assert context.run_id == run.id
        assert context.workdir == str(s.world.workdir / "job")
        assert Path(context.workdir).is_dir()
        assert context.key == call_key(run.id, "toolu_1_1")
        assert context.env == {"TOKEN": "abc"}


# -- after a crash between ``started`` and the result -----------------------------------------------


async def crash_in(s: Stage, recorder: Recorder) -> str:
    """Fire the job and kill its executor while the tool is at work; return the run's id."""
    recorder.then = hang
    run_id = await s.fire()
    (underway,) = await s.world.begin()
    await recorder.begun.wait()
    await underway.kill()
    assert [each.state for each in s.calls(run_id) if each.name == recorder.name] == [CallState.STARTED]
    recorder.then = None
    return run_id


async def test_after_a_crash_a_pure_call_is_run_again(tmp_path: Path) -> None:
    look = Recorder()
    async with stage(tmp_path, call(("look", {"n": 1})), recorders=(look,)) as s:
        run_id = await crash_in(s, look)
        await s.world.take_over()
        assert len(look.calls) == 2
        assert s.results(run_id)["look"]["content"] == "look says ok"
        assert s.model.requests == 2, "the answer that asked for the call was not paid for twice"


async def test_after_a_crash_a_keyed_call_is_run_again_with_the_same_key(tmp_path: Path) -> None:
    pay = Recorder("pay", Effect.KEYED)
    async with stage(tmp_path, call(("pay", {})), recorders=(pay,)) as s:
        await crash_in(s, pay)
        await s.world.take_over()
        first, second = pay.contexts
        assert first.key == second.key != ""


async def test_after_a_crash_an_opaque_call_is_not_repeated_and_the_agent_is_told(tmp_path: Path) -> None:
    mail = Recorder("mail", Effect.OPAQUE)
    async with stage(tmp_path, call(("mail", {})), recorders=(mail,)) as s:
        run_id = await crash_in(s, mail)
        await s.world.take_over()
        assert len(mail.calls) == 1
        result = s.results(run_id)["mail"]
        assert result["is_error"] is True
        assert "outcome is unknown" in result["content"]
        assert s.calls(run_id)[0].state is CallState.UNKNOWN
        assert (await s.world.run(run_id)).state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("seen", "calls", "words"),
    [
        ("happened", 1, "it happened: verified"),
        ("did_not_happen", 2, "probed says ok"),
        ("unknown", 1, "outcome is unknown"),
        ("it breaks", 1, "outcome is unknown"),
    ],
)
async def test_after_a_crash_a_probed_call_is_looked_at_first(
    tmp_path: Path, seen: str, calls: int, words: str
) -> None:
    async def look(_: Args, context: ToolContext) -> Probe:
        assert context.key
        if seen == "it breaks":
            raise ValueError("a plug-in's mistake")
        return seen  # type: ignore[return-value]

    probed = Recorder("probed", Effect.PROBE, probe=look)
    async with stage(tmp_path, call(("probed", {})), recorders=(probed,)) as s:
        run_id = await crash_in(s, probed)
        await s.world.take_over()
        assert len(probed.calls) == calls
        assert words in s.results(run_id)["probed"]["content"]


async def test_a_result_that_was_on_the_disk_is_not_asked_for_again(tmp_path: Path) -> None:
    quick, mail = Recorder("quick", Effect.OPAQUE), Recorder("mail", Effect.OPAQUE)
    async with stage(tmp_path, call(("quick", {}), ("mail", {})), recorders=(quick, mail)) as s:
        mail.then = hang
        run_id = await s.fire()
        (underway,) = await s.world.begin()
        await mail.begun.wait()
        await until(lambda: s.calls(run_id)[0].state is CallState.DONE)
        await underway.kill()
        await s.world.take_over()
        assert len(quick.calls) == 1
        assert s.results(run_id)["quick"]["content"] == "quick says ok"


async def test_a_crash_with_a_sleep_next_to_it_still_sleeps(tmp_path: Path) -> None:
    mail = Recorder("mail", Effect.OPAQUE)
    async with stage(tmp_path, call(("mail", {}), ("sleep", {"until": "1d"})), recorders=(mail,)) as s:
        run_id = await crash_in(s, mail)
        await s.world.take_over()
        assert (await s.world.run(run_id)).state is State.SLEEPING
        assert len(mail.calls) == 1


async def test_a_crash_before_the_calls_began_runs_them_once(tmp_path: Path) -> None:
    look = Recorder("look", Effect.OPAQUE)
    async with stage(tmp_path, sleep("1h"), call(("look", {})), recorders=(look,)) as s:
        run = await s.play()
        s.model.hold = asyncio.Event()
        s.model.asked.clear()
        s.world.clock.advance(3600)
        await s.world.tick()
        (underway,) = await s.world.begin()
        await s.model.asked.wait()
        await underway.kill()  # while the request is out: its answer is lost and asked for again
        s.model.hold = None
        s.model.lines.insert(0, call(("look", {})))
        await s.world.take_over()
        assert len(look.calls) == 1
        assert [each.state for each in s.requests(run.id)] == ["answered", "lost", "answered", "answered"]
        assert (await s.world.run(run.id)).unknown_cost_requests == 1
