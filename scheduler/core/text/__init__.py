"""Text: size limits, safe display, redaction, and small helpers for English."""
