"""Keeping: backups, restores, pruning, the database, and help."""
