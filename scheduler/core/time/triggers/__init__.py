"""The kinds of triggers, a file each: all that the crontab, the store and the lint know of a kind."""
