"""Standing duties of a daemon, each in one file."""
