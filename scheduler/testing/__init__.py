"""Helpers for testing agents and plug-ins: fakes, rehearsals, crash points, conformance suites."""
