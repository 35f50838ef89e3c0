"""Beginning: a demonstration, and a first crontab."""
