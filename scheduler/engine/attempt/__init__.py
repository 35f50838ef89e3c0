"""One attempt at one run: step by step until it ends, sleeps or is released."""
