"""The daemon: what is due is claimed, what is running is kept, and all of it ends in good order."""
