"""Benchmarks, side by side in one run: ratios mean something, absolute figures depend on the hour."""
