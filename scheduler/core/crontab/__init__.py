"""The crontab: its grammar, lint and description in words."""
