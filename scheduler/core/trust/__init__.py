"""Trust: what an agent may do without a person.  Authority comes from grants, never from a conversation."""
