"""Set up the export of spans, as configured by the standard ``OTEL_*`` variables."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING

from scheduler.errors import CannotWorkError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

    from scheduler.adapters.otel.spans import Spans

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_CAPTURING = ("true", "span_only", "span_and_event")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_EXPORTER = "OTEL_TRACES_EXPORTER"
_OUR_EXPORTERS = {"": "otlp_proto_http", "otlp": "otlp_proto_http"}


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for traces."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get(_EXPORTER, "").strip()
    if exporter == "none":
        return False
    return bool(exporter) or any(environment.get(name) for name in _ENDPOINTS)


def make_spans(environment: Mapping[str, str] = os.environ) -> Spans:
    """Return an observer that exports as the ``OTEL_*`` variables say; OTLP over HTTP by default.

    Raises:
        CannotWorkError: the extra is not installed, or there is no such exporter.
    """
    if not is_installed():
        raise CannotWorkError(
            "spans need the extra `otel`, which is not installed", help="pip install 'agentcron[otel]'"
        )
    exporters = [_exporter(name.strip()) for name in environment.get(_EXPORTER, "").split(",")]
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from scheduler.adapters.otel.spans import Spans

    provider = make_provider(environment)
    for exporter in exporters:
        provider.add_span_processor(BatchSpanProcessor(exporter()))
    content = environment.get(CAPTURE, "").strip().lower() in _CAPTURING
    return Spans(provider, with_content=content)


def _exporter(name: str) -> Callable[[], SpanExporter]:
    """Return the factory of an exporter by its name, as registered by installed packages."""
    name = _OUR_EXPORTERS.get(name, name)
    found = list(entry_points(group="opentelemetry_traces_exporter", name=name))
    if not found:
        raise CannotWorkError(f"{_EXPORTER}={name}: there is no such exporter", help="try: otlp, console")
    make: Callable[[], SpanExporter] = found[0].load()
    return make


def is_installed() -> bool:
    """Whether the extra is installed; other packages may install only its API."""
    from importlib.util import find_spec

    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.sdk") is not None


def make_provider(environment: Mapping[str, str] = os.environ) -> TracerProvider:
    """Return a provider of our own: the global one belongs to the application, and generates other ids."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    from scheduler.adapters.otel.ids import RunIds

    about = {"service.version": version("agentcron")}
    if not environment.get("OTEL_SERVICE_NAME"):
        named = "service.name=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
        about |= {} if named else {"service.name": "agentcron"}
    resource = Resource.create(dict(about))
    return TracerProvider(resource=resource, id_generator=RunIds(), shutdown_on_exit=False)
