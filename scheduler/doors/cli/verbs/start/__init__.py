"""First steps: a demonstration, and a first crontab."""
