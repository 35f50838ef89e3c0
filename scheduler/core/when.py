"""Placeholder."""

from scheduler.core.durations import parse_duration as parse_duration
