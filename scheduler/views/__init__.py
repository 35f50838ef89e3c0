"""What every door shows, as plain values."""
