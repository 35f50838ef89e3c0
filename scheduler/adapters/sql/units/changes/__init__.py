"""How changes of steps are stored: one file per kind, found by entry points; see ``rooms``."""
