"""Looking: what runs, what ran, why, what it cost, and what is wrong."""
