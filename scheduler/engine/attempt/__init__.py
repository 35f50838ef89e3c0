"""One attempt at one run: from step to step until it ends, sleeps or has to be let go."""
