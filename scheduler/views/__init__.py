"""Read models as plain values, for every door."""
