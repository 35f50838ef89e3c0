"""The store in SQL, for SQLite by default."""
