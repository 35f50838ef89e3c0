"""Store changes of steps: one file per kind, found by entry points; see ``rooms``."""
