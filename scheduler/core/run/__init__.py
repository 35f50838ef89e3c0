"""Runs: their states, their conversation, and what to do next, decided from the checkpoint alone."""
