"""Tests of the verbs that look."""
