"""Spans: what OpenTelemetry gets to see of a run, and what it does not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes
from opentelemetry.trace import SpanKind, StatusCode

from scheduler.adapters.otel.setup import is_asked_for, make_provider, make_spans
from scheduler.adapters.otel.spans import Spans
from scheduler.core.run.run import State
from scheduler.errors import CannotWorkError, ModelFault
from scheduler.testing.world import World, open_world
from tests.kit.models import Answer, FakeModel, call, finish, say, sleep
from tests.kit.stage import Recorder, hang

WORK = '@manual  work  "My secret prompt."  model=claude-haiku-5-5 retries=2\n'


class Seen:
    """The spans that were exported."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span


@asynccontextmanager
async def watched(
    folder: Path, *lines: Answer, with_content: bool = False, **more: Any
) -> AsyncIterator[tuple[World, Seen]]:
    """A world whose runs are exported into memory."""
    exporter = InMemorySpanExporter()
    provider = make_provider({})
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans = Spans(provider, with_content=with_content)
    async with open_world(folder, model=FakeModel(list(lines)), price_usd=0.25, **more) as world:
        world.services.move_log._observers = (spans,)
        world.store.claim = _claimed(world)  # type: ignore[method-assign]
        await world.load(WORK)
        yield world, Seen(exporter)
    spans.close()


def _claimed(world: World) -> Any:
    """Tell of claims, as the runner does; the world itself has none."""
    claim: Any = world.store.claim

    async def told(*args: Any, **named: Any) -> Any:
        leases = await claim(*args, **named)
        for lease in leases:
            checkpoint = await world.store.checkpoint(lease, world.clock.now())
            world.services.move_log.claimed(lease, checkpoint, world.clock.now())
        return leases

    return told


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_an_attempt_is_a_span_and_its_calls_are_its_children(tmp_path: Path) -> None:
    look = Recorder("look")
    tools = {"look": look.made()}
    async with watched(tmp_path, call(("look", {})), finish("Over."), tools=tools) as (world, seen):
        run = await world.play("work")
    attempt = seen.one("invoke_agent work")
    first, second = seen.named("chat claude-haiku-5-5")
    tool = seen.one("execute_tool look")
    assert {span.name for span in seen.all()} == {
        *("invoke_agent work", "chat claude-haiku-5-5", "execute_tool look", "execute_tool finish"),
    }
    assert attempt.parent is None
    for child in (first, second, tool):
        assert child.parent is not None
        assert child.parent.span_id == attempt.context.span_id
        assert child.context.trace_id == attempt.context.trace_id
    assert (attempt.kind, first.kind, tool.kind) == (SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.INTERNAL)
    assert (
        attributes(attempt).items()
        >= {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.agent.name": "work",
            "gen_ai.conversation.id": run.id,
            "agentcron.attempt": 1,
            "agentcron.move": "finish",
            "agentcron.state": "succeeded",
            "agentcron.run.cost_usd": 0.5,
        }.items()
    )
    assert (
        attributes(first).items()
        >= {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "claude-haiku-5-5",
            "gen_ai.response.finish_reasons": ("tool_use",),
            "agentcron.cost_usd": 0.25,
        }.items()
    )
    assert (
        attributes(tool).items()
        >= {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "look",
            "gen_ai.tool.type": "function",
        }.items()
    )
    assert {span.status.status_code for span in seen.all()} == {StatusCode.UNSET}
    assert all(span.end_time >= span.start_time for span in seen.all() if span.end_time and span.start_time)


async def test_cached_tokens_count_as_input(tmp_path: Path) -> None:
    async with watched(tmp_path, finish("Over.")) as (world, seen):
        run = await world.play("work")
        with world.reader() as reader:
            (request,) = reader.requests(run.id)
    usage, found = request.usage, attributes(seen.one("chat claude-haiku-5-5"))
    whole = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    assert found["gen_ai.usage.input_tokens"] == whole
    assert found["gen_ai.usage.output_tokens"] == usage.output_tokens


async def test_attempts_before_and_after_a_sleep_share_a_trace_and_are_linked(tmp_path: Path) -> None:
    async with watched(tmp_path, sleep("3d"), finish("Over.")) as (world, seen):
        await world.play("work")
        await world.jump()
    before, after = seen.named("invoke_agent work")
    assert before.context.trace_id == after.context.trace_id
    (link,) = after.links
    assert link.context.span_id == before.context.span_id
    assert before.links == ()
    assert attributes(before)["agentcron.wake_at"] == "2026-11-26T09:00:00Z"
    assert attributes(after)["agentcron.woken_by"] == "time"
    slept = seen.one("execute_tool sleep")
    assert slept.parent is not None
    assert slept.parent.span_id == before.context.span_id, "it belongs to the attempt that lay down"
    assert slept.start_time is not None
    assert slept.end_time is not None
    assert slept.end_time - slept.start_time < 1e9, "a sleep is no span of three days"


async def test_another_process_continues_in_the_same_trace(tmp_path: Path) -> None:
    async with watched(tmp_path, sleep("3d")) as (world, first):
        run = await world.play("work")
    async with watched(tmp_path, say("Over.")) as (world, second):
        world.clock.jump_to(run.created_at)
        await world.jump()
    (before,), (after,) = first.named("invoke_agent work"), second.named("invoke_agent work")
    assert before.context.trace_id == after.context.trace_id
    assert after.links[0].context.span_id == before.context.span_id


async def test_two_runs_have_two_traces(tmp_path: Path) -> None:
    async with watched(tmp_path, finish("One."), finish("Two.")) as (world, seen):
        await world.play("work")
        world.clock.advance(1)
        await world.play("work")
    assert len({span.context.trace_id for span in seen.named("invoke_agent work")}) == 2


async def test_what_fails_has_the_status_of_an_error(tmp_path: Path) -> None:
    async def broken(_: Any) -> str:
        raise ValueError("my secret")

    tools = {"broken": Recorder("broken", then=broken).made()}
    busy = ModelFault("the API is busy", kind="overloaded", retry_after_seconds=120)
    async with watched(tmp_path, call(("broken", {})), busy, tools=tools) as (world, seen):
        run = await world.play("work")
        assert run.state is State.RETRYING
    tool, attempt = seen.one("execute_tool broken"), seen.one("invoke_agent work")
    failed = [span for span in seen.named("chat claude-haiku-5-5") if not span.status.is_ok]
    assert [span.status.description for span in failed] == ["the API is busy"]
    assert attributes(failed[0])["error.type"] == "request_failed"
    assert (tool.status.status_code, attributes(tool)["error.type"]) == (StatusCode.ERROR, "tool_failed")
    assert (attempt.status.status_code, attributes(attempt)["error.type"]) == (StatusCode.ERROR, "overloaded")
    assert "my secret" not in _everything(seen)


async def test_a_lost_lease_ends_the_attempt(tmp_path: Path) -> None:
    slow = Recorder("slow", then=hang)
    async with watched(tmp_path, call(("slow", {})), tools={"slow": slow.made()}) as (world, seen):
        await world.fire("work")
        (underway,) = await world.begin()
        await slow.begun.wait()
        underway.attempt.interrupt("lost")
        await underway.task
    attempt = seen.one("invoke_agent work")
    assert attributes(attempt)["error.type"] == "lease_lost"


async def test_an_attempt_that_was_killed_gets_its_span_from_who_rescues_the_run(tmp_path: Path) -> None:
    slow = Recorder("slow", then=hang)
    tools = {"slow": slow.made()}
    async with watched(tmp_path, call(("slow", {})), tools=tools) as (world, first):
        began = world.clock.now()
        await world.fire("work")
        (underway,) = await world.begin()
        await slow.begun.wait()
        await underway.kill()
    assert first.named("invoke_agent work") == [], "who is killed tells nothing"
    async with watched(tmp_path, say("Over.")) as (world, second):
        world.clock.jump_to(began)
        await world.take_over()
    dead, alive = second.named("invoke_agent work")
    (orphan,) = first.named("chat claude-haiku-5-5")
    assert orphan.parent is not None
    assert orphan.parent.span_id == dead.context.span_id
    assert orphan.context.trace_id == dead.context.trace_id == alive.context.trace_id
    assert alive.links[0].context.span_id == dead.context.span_id
    assert attributes(dead)["error.type"] == "crashed"
    assert dead.start_time == began.timestamp() * 1e9


def _everything(seen: Seen) -> str:
    return json.dumps([json.loads(span.to_json()) for span in seen.all()])


async def test_what_is_said_stays_here(tmp_path: Path) -> None:
    note = Recorder("look", schema={"type": "object", "properties": {"at": {"type": "string"}}})
    lines = (call(("look", {"at": "my secret file"})), finish("My secret summary."))
    async with watched(tmp_path, *lines, tools={"look": note.made()}) as (world, seen):
        await world.play("work")
    assert "secret" not in _everything(seen)


async def test_what_is_said_is_exported_where_somebody_asks_for_it(tmp_path: Path) -> None:
    note = Recorder("look", schema={"type": "object", "properties": {"at": {"type": "string"}}})
    lines = (call(("look", {"at": "my file"})), finish("My summary."))
    async with watched(tmp_path, *lines, with_content=True, tools={"look": note.made()}) as (world, seen):
        await world.play("work")
    first, second = map(attributes, seen.named("chat claude-haiku-5-5"))
    (asked,) = json.loads(first["gen_ai.input.messages"])
    assert asked["role"] == "user"
    assert asked["parts"][0] == {"type": "text", "content": "My secret prompt."}
    (said,) = json.loads(first["gen_ai.output.messages"])
    assert said["finish_reason"] == "tool_use"
    assert said["parts"][-1]["arguments"] == {"at": "my file"}
    assert "gen_ai.system_instructions" in first
    assert "gen_ai.system_instructions" not in second
    (told,) = json.loads(second["gen_ai.input.messages"])
    assert told["parts"][0]["type"] == "tool_call_response"
    assert json.loads(attributes(seen.one("execute_tool look"))["gen_ai.tool.call.arguments"]) == {
        "at": "my file"
    }


# -- the convention and the setting up ----------------------------------------------------------------
async def test_every_name_is_one_of_the_convention_or_our_own(tmp_path: Path) -> None:
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    known.add(error_attributes.ERROR_TYPE)
    tools = {"look": Recorder("look").made()}
    lines = (call(("look", {}), ("nope", {})), sleep("1h"), finish("Over."))
    async with watched(tmp_path, *lines, with_content=True, tools=tools) as (world, seen):
        await world.play("work")
        await world.jump()
    names = {name for span in seen.all() for name in attributes(span)}
    assert {name for name in names if not name.startswith("agentcron.")} <= known
    operations = {attributes(span)["gen_ai.operation.name"] for span in seen.all()}
    assert operations <= {value.value for value in gen_ai_attributes.GenAiOperationNameValues}


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, False),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_ask_for_it(environment: dict[str, str], asked: bool) -> None:
    assert is_asked_for(environment) is asked


def test_several_exporters_and_none_that_is_not_there() -> None:
    spans = make_spans({"OTEL_TRACES_EXPORTER": "console, console"})
    assert len(spans._provider._active_span_processor._span_processors) == 2
    spans.close()
    with pytest.raises(CannotWorkError, match="there is no such exporter"):
        make_spans({"OTEL_TRACES_EXPORTER": "carrier-pigeon"})


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from scheduler.adapters.otel import setup

    monkeypatch.setattr(setup, "is_installed", lambda: False)
    with pytest.raises(CannotWorkError, match="the extra `otel`"):
        make_spans({})


def test_the_service_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_provider({}).resource.attributes["service.name"] == "agentcron"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    assert make_provider({"OTEL_SERVICE_NAME": "mine"}).resource.attributes["service.name"] == "mine"
