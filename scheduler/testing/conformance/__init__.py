"""What an implementation of a port must hold to: one suite a port, shipped, for ours and for plug-ins."""
