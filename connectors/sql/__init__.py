"""The kind sql: any database that SQLAlchemy knows; rows by key or by time, questions with parameters, read-only by default."""
