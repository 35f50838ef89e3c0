"""OpenTelemetry (extra ``otel``): only ``setup`` may be imported where the extra is missing."""
