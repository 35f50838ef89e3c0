"""SQLite: open, write, copy, check and restore its file."""
