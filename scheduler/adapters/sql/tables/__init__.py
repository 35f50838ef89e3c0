"""The tables, defined for SQLAlchemy."""
