"""Jobs: what a crontab line orders, what the store remembers of it, and when it fires."""
