"""Figures for Prometheus: what the database says at this moment, and what this process has seen."""
