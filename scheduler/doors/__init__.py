"""Entry points for people and programs; each door is thin."""
