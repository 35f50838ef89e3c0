"""Protocols: the interfaces of the engine to the outside."""
