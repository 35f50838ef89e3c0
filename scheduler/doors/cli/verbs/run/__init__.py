"""Running: the daemon, one pass, one job."""
