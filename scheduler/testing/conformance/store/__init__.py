"""The conformance suite of stores; see ``suite``."""
