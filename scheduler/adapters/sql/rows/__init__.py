"""Rows to core values and back.  No SQLAlchemy here."""
