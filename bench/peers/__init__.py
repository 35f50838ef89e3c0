"""Peers: each a program of its own that does the same work, and prints one line of JSON about it."""
