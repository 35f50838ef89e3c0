"""Trust: what jobs may do, and the answers to their questions."""
