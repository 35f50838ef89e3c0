"""Rehearsals: a model whose answers were written beforehand."""
