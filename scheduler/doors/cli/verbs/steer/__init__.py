"""Steering: resume, cancel, pause, halt."""
