"""Background duties of a daemon, one per file."""
