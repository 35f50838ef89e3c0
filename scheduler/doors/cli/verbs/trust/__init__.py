"""Trust: what jobs may do, and answers to their questions."""
