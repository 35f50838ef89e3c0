"""The checks of ``agentcron doctor``."""
