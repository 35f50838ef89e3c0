"""Export spans: one for an attempt, with its calls of models and tools as children.

The names are those of the GenAI semantic conventions.  All attempts of a run share one trace, and each links
to the one before.  Children are made from committed steps, with their stored times, so that a span
never contains more than the database.
"""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from scheduler.adapters.otel.content import as_json, content
from scheduler.adapters.otel.ids import RunIds, attempt_span_id, trace_id
from scheduler.core.job.reason_code import ReasonCode
from scheduler.core.run.checkpoint import Checkpoint
from scheduler.core.run.conversation import Call, CallState, Request
from scheduler.core.run.run import Move, Run
from scheduler.core.run.step import Step
from scheduler.core.run.wakeup import earliest
from scheduler.core.time.instants import to_iso
from scheduler.ports.observer import Observer
from scheduler.ports.store.queue import Rescued

_ERRORS = frozenset({Move.FAIL, Move.BACK_OFF})
_FLUSH_MILLIS = 2_000


class Spans(Observer):
    """Export spans of what a process does.

    Args:
        provider: from ``make_provider``.
        with_content: also export message content; off unless the convention's own variable enables it.
    """

    def __init__(self, provider: TracerProvider, *, with_content: bool = False) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("agentcron", version("agentcron"))
        self._no_parent = Context()
        self._with_content = with_content
        self._attempts: dict[str, Span] = {}

    def claimed(self, checkpoint: Checkpoint, when: datetime) -> None:
        """Begin the span of an attempt."""
        run = checkpoint.run
        attributes: dict[str, Any] = {
            "gen_ai.provider.name": _provider_of(checkpoint.job.model),
            "gen_ai.request.model": _model_of(checkpoint.job.model),
            "agentcron.cause": run.cause.kind,
            "agentcron.fire_time": to_iso(run.fire_time),
        }
        if checkpoint.woken is not None:
            attributes["agentcron.woken_by"] = str(checkpoint.woken.kind)
        self._attempts[run.id] = self._attempt(run.id, run.job, run.created_at, run.epoch, when, attributes)

    def abandoned(self, attempt: Rescued, when: datetime) -> None:
        """Make the span of an attempt whose process died: its children have the parent id already."""
        span = self._attempt(
            attempt.run_id, attempt.job, attempt.created_at, attempt.epoch, attempt.claimed_at, {}
        )
        _fail(span, ReasonCode.CRASHED, f"runner {attempt.runner} died or stopped responding")
        span.end(_nanoseconds(max(when, attempt.claimed_at)))

    def stepped(self, before: Checkpoint, step: Step, now: Checkpoint) -> None:
        """Make the children that a step closes; end the attempt if the step does."""
        attempt = self._attempts.get(now.run.id)
        if attempt is None:
            return
        if step.closed is not None:
            self._requested(attempt, before, step, step.closed)
        calls = {call.id: call for call in now.calls}
        waited = {call.id for call in before.calls if call.state is CallState.WAITING}
        ended = [result.call_id for result in step.results if result.call_id not in waited]
        for call_id in (*ended, *step.waiting):
            if call_id in calls:
                self._called(attempt, calls[call_id], step)
        if step.move is not None:
            self._end(now.run, step)

    def lease_lost(self, run: Run, epoch: int, when: datetime) -> None:  # noqa: ARG002 - the port's
        """End the attempt: it left no record of its own."""
        attempt = self._attempts.pop(run.id, None)
        if attempt is not None:
            _fail(attempt, "lease_lost", "another runner owns the run")
            attempt.end(_nanoseconds(when))

    def close(self) -> None:
        """Send the remaining spans; do not wait long for a collector that does not answer."""
        self._provider.force_flush(_FLUSH_MILLIS)
        self._provider.shutdown()

    def _attempt(
        self, run_id: str, job: str, created_at: datetime, epoch: int, began: datetime, more: dict[str, Any]
    ) -> Span:
        ids = self._provider.id_generator
        assert isinstance(ids, RunIds), "make_provider made it"
        links = []
        if epoch > 1:
            trace, before = trace_id(run_id, created_at), attempt_span_id(run_id, created_at, epoch - 1)
            links = [Link(SpanContext(trace, before, is_remote=True, trace_flags=TraceFlags(1)))]
        attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": job,
            "gen_ai.conversation.id": run_id,
            "agentcron.attempt": epoch,
            **more,
        }
        ids.begin(run_id, created_at, epoch)
        return self._tracer.start_span(
            f"invoke_agent {job}",
            self._no_parent,
            SpanKind.INTERNAL,
            attributes,
            links,
            start_time=_nanoseconds(began),
        )

    def _requested(self, attempt: Span, before: Checkpoint, step: Step, request: Request) -> None:
        attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _provider_of(request.model),
            "gen_ai.request.model": _model_of(request.model),
            "gen_ai.conversation.id": before.run.id,
            "gen_ai.agent.name": before.run.job,
            "gen_ai.request.stream": True,
            "agentcron.request": request.number,
        }
        if request.request_id:
            attributes["agentcron.request_id"] = request.request_id
        if request.state == "answered":
            attributes |= _answer_attributes(request)
        if request.summary is not None:
            attributes["agentcron.summary"] = True
        if self._with_content:
            attributes |= content(before, step)
        span = self._child(attempt, f"chat {_model_of(request.model)}", request.started_at, SpanKind.CLIENT)
        span.set_attributes(attributes)
        if request.state != "answered":
            _fail(span, "interrupted" if request.state == "lost" else "request_failed", request.error)
        span.end(_nanoseconds(max(request.ended_at or step.at, request.started_at)))

    def _called(self, attempt: Span, call: Call, step: Step) -> None:
        began = call.started_at or step.at
        span = self._child(attempt, f"execute_tool {call.name}", began, SpanKind.INTERNAL)
        span.set_attributes(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": call.name,
                "gen_ai.tool.call.id": call.id,
                "gen_ai.tool.type": "function",
                "agentcron.effect": call.effect.value,
            }
        )
        if self._with_content:
            span.set_attribute("gen_ai.tool.call.arguments", as_json(call.args))
            if call.result is not None:
                span.set_attribute("gen_ai.tool.call.result", as_json(call.result))
        if call.state in (CallState.FAILED, CallState.UNKNOWN):
            what = "the call failed" if call.state is CallState.FAILED else "nobody knows whether it happened"
            _fail(span, f"tool_{call.state.value}", what)
        span.end(_nanoseconds(max(step.at, began)))

    def _end(self, run: Run, step: Step) -> None:
        assert step.move is not None
        attempt = self._attempts.pop(run.id)
        attempt.set_attributes(
            {
                "agentcron.move": step.move.value,
                "agentcron.state": run.state.value,
                "agentcron.run.steps": run.steps,
                "agentcron.run.cost_usd": run.cost_microusd / 1_000_000,
            }
        )
        if step.reason_code:
            attempt.set_attribute("agentcron.reason", step.reason_code)
        if (wake_at := earliest(step.wakeups)) is not None:
            attempt.set_attribute("agentcron.wake_at", to_iso(wake_at))
        if step.move in _ERRORS:
            _fail(
                attempt,
                step.reason_code or step.move.value,
                "" if step.reason_code == ReasonCode.AGENT else step.reason,
            )
        attempt.end(_nanoseconds(step.at))

    def _child(self, parent: Span, name: str, began: datetime, kind: Any) -> Span:

        context = set_span_in_context(parent, self._no_parent)
        return self._tracer.start_span(name, context, kind, start_time=_nanoseconds(began))


def _answer_attributes(request: Request) -> dict[str, Any]:
    usage = request.usage
    attributes: dict[str, Any] = {
        # The convention counts tokens read from or written to the cache as input.
        "gen_ai.usage.input_tokens": usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
        "gen_ai.response.model": _model_of(request.model),
        "agentcron.cost_usd": (request.cost_microusd or 0) / 1_000_000,
    }
    if request.stop_reason:
        attributes["gen_ai.response.finish_reasons"] = (request.stop_reason,)
    return attributes


def _fail(span: Span, kind: str, text: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR, text))


def _provider_of(model: str) -> str:
    return "rehearsal" if model.startswith("rehearsal:") else "anthropic"


def _model_of(model: str) -> str:
    # The script of a rehearsal is a path on this machine, which must not be exported.
    return "rehearsal" if model.startswith("rehearsal:") else model


def _nanoseconds(instant: datetime) -> int:
    return round(instant.timestamp() * 1_000_000) * 1_000
