"""Convert rows to core values and back.  Without SQLAlchemy."""
