"""Inspection: what runs, what ran and why, what it cost, and what is wrong."""
