"""Metrics for Prometheus: of the database, and of this process."""
