"""A rehearsal: a model whose answers were written beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scheduler.adapters.rehearsal.model import RehearsalModel
from scheduler.adapters.rehearsal.script import load_script, parse_script
from scheduler.errors import ConfigError, ModelFault
from scheduler.ports.model import Ask, Reply
from scheduler.testing.rehearsal import script

USER = {"role": "user", "content": [{"type": "text", "text": "go"}]}


async def play(model: RehearsalModel, answers: int, name: str = "any") -> Reply:
    messages: list[dict[str, Any]] = [USER]
    for _ in range(answers):
        messages += [{"role": "assistant", "content": [{"type": "text", "text": "x"}]}, USER]
    return await model.ask(Ask(model=name, system="", tools=(), messages=messages, max_tokens=100))


async def test_the_conversation_alone_decides_which_line_is_next(tmp_path: Path) -> None:
    name = script().say("first").call("read", file_path="a").say("second").write(tmp_path / "s.jsonl")
    for _ in range(2):  # a new model each time: no memory is needed
        first = await play(RehearsalModel(), 0, name)
        assert first.content == (
            {"type": "text", "text": "first"},
            {"type": "tool_use", "id": "toolu_rehearsal_1_1", "name": "read", "input": {"file_path": "a"}},
        )
        assert first.stop_reason == "tool_use"
        assert first.cost_microusd == 0
        second = await play(RehearsalModel(), 1, name)
        assert second.content == ({"type": "text", "text": "second"},)
        assert second.stop_reason == "end_turn"


async def test_ids_of_calls_are_unique_within_a_run() -> None:
    model = script().call("a").also("b").call("a").model()
    ids = [b["id"] for n in (0, 1) for b in (await play(model, n)).content]
    assert ids == ["toolu_rehearsal_1_1", "toolu_rehearsal_1_2", "toolu_rehearsal_2_1"]


async def test_after_the_last_line_it_says_so_and_stops() -> None:
    reply = await play(script().say("only").model(), 1)
    assert reply.stop_reason == "end_turn"
    assert "The rehearsal has ended" in reply.content[0]["text"]


async def test_text_is_heard_while_it_comes_and_stop_reasons_can_be_played() -> None:
    heard: list[str] = []
    model = script().say("hm").stopped("refusal").model()
    ask = Ask(model="m", system="", tools=(), messages=[USER], max_tokens=1)
    assert (await model.ask(ask, on_text=heard.append)).stop_reason == "refusal"
    assert heard == ["hm"]


def test_the_builder_writes_what_a_person_would() -> None:
    play = (
        script()
        .say("Nothing yet.")
        .sleep("in 3 days", "the review")
        .note("n")
        .finish("Done.", "nothing_to_do")
    )
    assert play.lines() == [
        {
            "text": "Nothing yet.",
            "calls": [{"name": "sleep", "input": {"until": "in 3 days", "reason": "the review"}}],
        },
        {"calls": [{"name": "note", "input": {"text": "n"}}]},
        {"calls": [{"name": "finish", "input": {"summary": "Done.", "outcome": "nothing_to_do"}}]},
    ]
    with pytest.raises(ValueError, match="belongs after a call"):
        script().say("x").also("read")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "needs text or calls"),
        ('{"txt": "a"}', "unknown key 'txt'"),
        ('{"text": 1}', "text must be a string"),
        ('{"calls": {}}', "calls must be a list"),
        ('{"calls": ["read"]}', "a call must look like"),
        ('{"calls": [{"name": "read", "args": {}}]}', "unknown key 'args'"),
        ('{"calls": [{"name": "read", "input": []}]}', "the input of read must be an object"),
        ('{"text": "a", "stop_reason": 1}', "stop_reason must be a string"),
    ],
)
def test_a_bad_line_is_named_by_file_and_number(line: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"^play.jsonl:3: .*{problem}"):
        parse_script(f'{{"text": "fine"}}\n\n{line}\n', "play.jsonl")


async def test_a_script_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: No such file"):
        load_script(tmp_path / "none.jsonl")
    (tmp_path / "binary").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_script(tmp_path / "binary")
    with pytest.raises(ModelFault) as caught:
        await play(RehearsalModel(), 0, f"rehearsal:{tmp_path}/none.jsonl")
    assert caught.value.kind == "invalid"
    with pytest.raises(ModelFault, match="not the name of a rehearsal"):
        await play(RehearsalModel(), 0, "claude-haiku-5-5")
