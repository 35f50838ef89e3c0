"""The store on SQL: SQLite by default, PostgreSQL by the same tables."""
