"""Rehearsals: a model whose answers come from a script."""
