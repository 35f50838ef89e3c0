"""Conformance suites: one for each port, for our implementations and for plug-ins."""
