"""OpenTelemetry (extra ``otel``): without the extra only ``setup`` may be imported."""
