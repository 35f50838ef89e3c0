"""The crontab: its grammar, its lint and its meaning in words."""
