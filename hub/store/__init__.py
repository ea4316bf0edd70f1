"""Tables, queries and migrations: SQLAlchemy Core, PostgreSQL and SQLite from the same code."""
