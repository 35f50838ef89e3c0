"""What a store must hold to, whatever database it writes to: ``suite`` has all checks."""
