"""Jobs: what a crontab line defines, what the store keeps about it, and when it fires."""
