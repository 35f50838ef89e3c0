"""The imperative shell: claim, do, commit."""
