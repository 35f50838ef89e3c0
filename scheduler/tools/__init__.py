"""The built-in tools of agents, one file each."""
