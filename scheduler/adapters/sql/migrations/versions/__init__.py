"""Migrations, one file a revision."""
