"""Maintenance: backups, restores, pruning, the database, and help."""
