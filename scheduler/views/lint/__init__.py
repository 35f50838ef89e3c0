"""Lint of a crontab that needs more than its text."""
