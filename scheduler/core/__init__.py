"""Pure values and decisions; ``now`` is always an argument."""
